"""Makes frozen_graphs.npz, by hand: `pip install tensorflow-cpu tf_keras`, then run this file.

Real TensorFlow builds small graphs as rl-coach built DeepRacer's, with its ways to flatten, to
normalise batches and to drop out, and freezes them. Beside each graph is kept what the service's
simulator would drive by on `noise()`.
"""

import os
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("frozen_graphs.npz")


def noise():
    """Grey frames (20, 120, 160) of coarse noise."""
    coarse = np.random.default_rng(0).integers(0, 256, (20, 15, 20), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def embed(tf, frames, training):
    """From frames to features; with batch normalisation and dropout if `training` is given."""
    layers = tf.compat.v1.layers
    x = frames / 255.0
    x -= 0.0
    for filters, kernel, stride in [(4, 8, 4), (4, 4, 2), (2, 3, 1)]:
        start = tf.compat.v1.variance_scaling_initializer(4.0)
        x = layers.conv2d(x, filters, kernel, stride, kernel_initializer=start)
        if training is not None:
            x = layers.batch_normalization(x, training=training)
        x = tf.nn.relu(x) if training is None else tf.tanh(x)
    x = tf.reshape(x, tf.stack([tf.shape(x)[0], np.prod(x.shape.as_list()[1:])]))
    if training is not None:
        x = layers.dropout(layers.dense(x, 8), 0.3, training=training)
    return tf.nn.relu(layers.dense(x, 8))


def head(tf, kind, features):
    """The head's output, and what the simulator drives by."""
    v1 = tf.compat.v1
    start = v1.random_normal_initializer(0, 0.7)
    if kind == "sac":
        hidden = v1.layers.dense(features, 8, activation="relu")
        mean = tf.identity(v1.layers.dense(hidden, 2, kernel_initializer=start), name="policy")
        return mean, tf.tanh(mean)
    if kind == "continuous":
        mean = tf.identity(v1.layers.dense(features, 2, kernel_initializer=start), name="policy")
        return mean, tf.clip_by_value(mean, -1.0, 1.0)
    values = v1.layers.dense(features, 5, kernel_initializer=start)
    return (tf.nn.softmax(values, name="policy"),) * 2


def freeze(tf, session, output):
    """As TensorFlow 1 froze: variables become constants."""
    graph = tf.compat.v1.graph_util.extract_sub_graph(session.graph_def, [output.op.name])
    for node in graph.node:
        if node.op == "VariableV2":
            value = session.run(f"{node.name}:0")
            node.op = "Const"
            node.attr.clear()
            node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        node.op = node.op.replace("RefSwitch", "Switch")
    return graph.SerializeToString(deterministic=True)


def build(tf, kind):
    """The frozen graph, and the actions it gives for `noise()`."""
    v1 = tf.compat.v1
    agent, net, name = ("policy", 0, "sac_policy") if kind == "sac" else ("main", 1, "ppo")
    with tf.Graph().as_default(), v1.variable_scope(f"main_level/agent/{agent}/online"):
        v1.set_random_seed(3)
        with v1.variable_scope("network_0/FRONT_FACING_CAMERA"):
            frames = v1.placeholder("float", [None, 120, 160, 1], name="FRONT_FACING_CAMERA")
        training = v1.get_variable("is_training", initializer=False, trainable=False)
        with v1.variable_scope(f"network_{net}/embedder"):
            features = embed(tf, frames, training if kind == "batchnorm" else None)
        with v1.variable_scope(f"network_{net}/{name}_head_0"):
            output, action = head(tf, kind, features)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for variable in v1.global_variables():
                if any(word in variable.name for word in ("bias", "moving")):
                    value = np.random.default_rng(1).uniform(0.1, 0.5, variable.shape)
                    session.run(variable.assign(value))
            actions = session.run(action, {frames: noise()[..., None]})
            return freeze(tf, session, output), actions


def main():
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf

    tf.compat.v1.disable_v2_behavior()
    tf.compat.v1.disable_control_flow_v2()
    tf.compat.v1.disable_resource_variables()
    arrays = {"frames": noise()}
    for kind in ("discrete", "continuous", "batchnorm", "sac"):
        graph, actions = build(tf, kind)
        arrays[f"{kind}_graph"] = np.frombuffer(graph, np.uint8)
        arrays[f"{kind}_actions"] = actions
    np.savez_compressed(FILE, **arrays)


if __name__ == "__main__":
    main()
