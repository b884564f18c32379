"""What the image tower's own ImageNet classifier knows, and how photos it never saw would look to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor

# Features are the mean over the picture of activations between 0 and 6 (ReLU6).
LARGEST_FEATURE = 6.0


@dataclass(frozen=True, slots=True)
class Classifier:
    """The last layer of an EfficientNet-Lite, or the mean of several: weight [classes, features], bias [classes]."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> Classifier:
        """From the state dict of the package."""
        return cls(state["_fc.weight"], state["_fc.bias"])

    @classmethod
    def mean(cls, classifiers: Sequence[Classifier], widths: Sequence[int]) -> Classifier:
        """The mean of the logits of classifiers whose encoders' features lie side by side.

        widths  of each encoder's features, of which its classifier sees the first
        """
        weights = [
            F.pad(one.weight, (0, width - one.weight.shape[1]))
            for one, width in zip(classifiers, widths, strict=True)
        ]
        return cls(
            torch.cat(weights, 1) / len(weights), torch.stack([one.bias for one in classifiers]).mean(0)
        )

    def logits(self, features: Tensor) -> Tensor:
        """[n, features or more] -> [n, classes]; what follows the features does not count."""
        return features[:, : self.weight.shape[1]] @ self.weight.T + self.bias

    def probabilities(self, features: Tensor) -> Tensor:
        return self.logits(features).softmax(1)


class Imagination:
    """Makes features of classes the training photos do not show.

    6,000 photos of people and dogs show a hundred of the thousand classes. A linear classifier trained by
    softmax is, where classes have one covariance S, the optimal one with class means m + S w (linear
    discriminant analysis; Hastie et al. 2009, 4.3). So a photo's features moved along S w are the features
    that photo would most likely have, were it of that class: the shortest way in Mahalanobis distance. The
    classifier itself then says what it sees in them, and that is what the heads learn.
    """

    def __init__(self, classifier: Classifier, features: Tensor) -> None:
        """features [n, as many as the classifier's or more] of ordinary photos, for the covariance."""
        self._classifier = classifier
        # A tenth of the diagonal: 6,000 photos do not fix so many numbers.
        covariance = torch.cov(features.T)
        covariance = 0.9 * covariance + 0.1 * torch.diag(covariance.diag())
        centred = torch.zeros(len(classifier.bias), features.shape[1])
        centred[:, : classifier.weight.shape[1]] = classifier.weight - classifier.weight.mean(0)
        # Those it sees are bounded; what tells where things are is not.
        self._bounded = torch.nonzero(centred.any(0))[:, 0]
        ways = centred @ covariance
        # Scaled so that a step of 1 raises the class's logit by 1.
        self._ways = ways / (ways * centred).sum(1, keepdim=True)

    def of(self, features: Tensor, classes: Tensor, lead: Tensor) -> Tensor:
        """`features` [n, width] moved until class `classes` [n] leads all others by about `lead` [n] (logits)."""
        logits = self._classifier.logits(features)
        own = logits.gather(1, classes[:, None])[:, 0]
        step = (logits.amax(1) - own).clamp(min=0) + lead
        moved = features + self._ways[classes] * step[:, None]
        moved[:, self._bounded] = moved[:, self._bounded].clamp(0, LARGEST_FEATURE)
        return moved
