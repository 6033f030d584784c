"""DeepRacer's three networks."""

import pytest
import torch

from deepracer_agent import actions
from deepracer_agent.env import observation_space
from deepracer_agent.networks import NETWORKS, DeepRacerNetwork


def test_every_network_of_the_metadata_is_there():
    assert tuple(NETWORKS) == actions.NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_a_picture_becomes_512_features(name):
    network = DeepRacerNetwork(observation_space(), name)
    pictures = torch.rand(3, *observation_space().shape)
    features = network(pictures)
    assert features.shape == (3, network.features_dim) == (3, 512)
    assert features.std(dim=0).max() > 0.0  # other pictures, other features


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_deepracers(name):
    convolutions, dense = NETWORKS[name]
    layers = DeepRacerNetwork(observation_space(), name).layers
    built = [
        (layer.out_channels, layer.kernel_size[0], layer.stride[0])
        for layer in layers
        if isinstance(layer, torch.nn.Conv2d)
    ]
    widths = [layer.out_features for layer in layers if isinstance(layer, torch.nn.Linear)]
    assert built == convolutions
    assert widths == dense
