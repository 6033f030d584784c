"""DeepRacer's three networks, and the learner's way through them to the exported policy."""

import gymnasium
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor, nn

# (filters, kernel, stride) of each convolution, then the widths of the dense layers;
# from the DeepRacer simulation application.
NETWORKS: dict[str, tuple[list[tuple[int, int, int]], list[int]]] = {
    "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW": ([(32, 8, 4), (64, 4, 2), (64, 3, 1)], [512]),
    "DEEP_CONVOLUTIONAL_NETWORK": (
        [(32, 5, 2), (32, 3, 1), (64, 3, 2), (64, 3, 1)],
        [64, 512],
    ),
    "DEEP_CONVOLUTIONAL_NETWORK_DEEP": (
        [(32, 8, 4), (32, 4, 2), (64, 4, 2), (64, 3, 1)],
        [512, 512],
    ),
}


class DeepRacerNetwork(BaseFeaturesExtractor):
    """A picture (n, 1, h, w), 0..1, to features (n, 512)."""

    def __init__(self, observation_space: gymnasium.Space, network: str) -> None:
        """Build a network by DeepRacer's name for it."""
        assert observation_space.shape is not None
        convolutions, dense = NETWORKS[network]
        super().__init__(observation_space, features_dim=dense[-1])
        channels, *size = observation_space.shape
        layers: list[nn.Module] = []
        for filters, kernel, stride in convolutions:
            # the networks were made for 160x120; where our smaller picture runs out, pad
            padding = kernel // 2 if min(size) < kernel else 0
            layers += [nn.Conv2d(channels, filters, kernel, stride, padding), nn.ReLU()]
            channels = filters
            size = [(side + 2 * padding - kernel) // stride + 1 for side in size]
        layers.append(nn.Flatten())
        width = channels * size[0] * size[1]
        for features in dense:
            layers += [nn.Linear(width, features), nn.ReLU()]
            width = features
        self.layers = nn.Sequential(*layers)

    def forward(self, observations: Tensor) -> Tensor:
        """(n, 1, h, w) -> (n, features)."""
        features: Tensor = self.layers(observations)
        return features


def deterministic_layers(policy: BasePolicy, discrete: bool) -> nn.Sequential:
    """The layers from a picture, 0..1, to what the driver does when it does not explore.

    Discrete: the probabilities (n, n_actions). Continuous: steering and speed (n, 2) in [-1, 1].
    """
    if isinstance(policy, SACPolicy):
        actor = policy.actor
        return nn.Sequential(actor.features_extractor.layers, actor.latent_pi, actor.mu, nn.Tanh())
    head = nn.Softmax(dim=-1) if discrete else nn.Hardtanh()
    return nn.Sequential(policy.features_extractor.layers, policy.action_net, head)
