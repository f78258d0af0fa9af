"""What can be named, as strings "module:object" or "package:file.yaml": knowing the names imports nothing.

A new attack or dataset is one file and one line here. Installed packages add theirs by the entry points
`potemkin.attacks`, `potemkin.datasets` and `potemkin.suites`; see docs/plugins.md.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from adapters.errors import told
from bench.errors import UsageError, unknown
from bench.table import one_line

T = TypeVar("T")

OURS = {
    "attack": {
        "clean": "bench.attacks.clean:Clean",
        "fgsm": "bench.attacks.fgsm:FGSM",
        "iterated-fgsm": "bench.attacks.iterated_fgsm:IteratedFGSM",
        "pgd": "bench.attacks.pgd:PGD",
        "apgd": "bench.attacks.apgd:APGD",
        "rotation": "bench.attacks.rotation:Rotation",
        "gradient-aligned-subspace": "bench.attacks.subspace:GradientAlignedSubspace",
        "uniform-noise": "bench.attacks.noise:UniformNoise",
        "sign-noise": "bench.attacks.noise:SignNoise",
        "gaussian-rubbish": "bench.attacks.rubbish:GaussianRubbish",
        "fooling": "bench.attacks.fooling:Fooling",
        "rays": "bench.attacks.rays:RayS",
        "projection": "bench.attacks.projection:Projection",
        "training-rays": "bench.attacks.training_rays:TrainingRays",
        "tree-corners": "bench.attacks.tree_corners:TreeCorners",
        "square": "bench.attacks.square:Square",
        "corners": "bench.attacks.corners:Corners",
        "hopskipjump": "bench.attacks.hopskipjump:HopSkipJump",
        "worst-case": "bench.attacks.worst_case:WorstCase",
        "branch-and-bound": "bench.attacks.branch_and_bound:BranchAndBound",
        "deepfool": "bench.attacks.deepfool:DeepFool",
        "fmn": "bench.attacks.fmn:FMN",
        "ddn": "bench.attacks.ddn:DDN",
        "carlini-wagner": "bench.attacks.carlini_wagner:CarliniWagner",
        "lbfgs": "bench.attacks.lbfgs:LBFGS",
        "fab": "bench.attacks.fab:FAB",
        "sigma-zero": "bench.attacks.sigma_zero:SigmaZero",
        "jsma": "bench.attacks.jsma:JSMA",
    },
    "certificate": {
        "linear": "bench.exact.linear:LinearCertificate",
        "gaussian-nb": "bench.exact.gaussian_nb:GaussianNBCertificate",
        "kernel-votes": "bench.exact.kernel_votes:KernelVotesCertificate",
        "linear-votes": "bench.exact.linear_votes:LinearVotesCertificate",
        "trees": "bench.exact.trees:TreesCertificate",
        "neighbours": "bench.exact.neighbours:NeighboursCertificate",
        "network": "bench.exact.networks:NetworkCertificate",
        "smoothed": "bench.exact.smoothed:SmoothedCertificate",
    },
    "self-test family": {
        "linear": "bench.selftest.linear:Linear",
        "tree": "bench.selftest.trees:Trees",
        "forest": "bench.selftest.trees:Forest",
        "boosted": "bench.selftest.boosted:Boosted",
        "1-nn": "bench.selftest.neighbours:Neighbours",
        "3-nn": "bench.selftest.neighbours:ThreeNeighbours",
        "bayes": "bench.selftest.naive_bayes:NaiveBayes",
        "rbf-network": "bench.selftest.naive_bayes:RadialUnits",
        "relu": "bench.selftest.networks:ReLU",
        "maxout": "bench.selftest.networks:Maxout",
        "conv": "bench.selftest.networks:Convolution",
        "rbf-svm": "bench.selftest.neighbours:TwoVectors",
        "linear-svm": "bench.selftest.neighbours:TwoLinearVectors",
        "votes": "bench.selftest.neighbours:Votes",
        "smoothed": "bench.selftest.smoothed:Smoothed",
    },
    "dataset": {
        "mnist": "bench.datasets.mnist:mnist",
        "mnist-3v7": "bench.datasets.mnist_3v7:mnist_3v7",
        "digits": "bench.datasets.digits:digits",
        "fashion-mnist": "bench.datasets.fashion_mnist:fashion_mnist",
        "cifar10": "bench.datasets.cifar10:cifar10",
        "cifar10-preprocessed": "bench.datasets.cifar10_preprocessed:cifar10_preprocessed",
        "idx-folder": "bench.datasets.idx_folder:idx_folder",
        "image-folder": "bench.datasets.image_folder:image_folder",
    },
    "set of attacks": {"published": "bench.paper.protocol:published"},
    "network": {
        "softmax-regression": "bench.training.nets.linear:SoftmaxRegression",
        "logistic-regression": "bench.training.nets.linear:LogisticRegression",
        "maxout": "bench.training.nets.maxout:Maxout",
        "maxout-sigmoid": "bench.training.nets.maxout:MaxoutSigmoid",
        "rbf-network": "bench.training.nets.rbf_network:RBFNetwork",
        "mp-dbm": "bench.training.nets.mp_dbm:MPDBM",
        "conv-maxout": "bench.training.nets.conv_maxout:ConvMaxout",
        "relu-net": "bench.training.nets.relu:ReLUNet",
        "conv-relu-net": "bench.training.nets.relu:ConvReLUNet",
    },
    "training objective": {
        "plain": "bench.training.objectives.base:Plain",
        "adversarial": "bench.training.objectives.perturbation:Adversarial",
        "adversarial-logistic": "bench.training.objectives.perturbation:AdversarialLogistic",
        "rotation": "bench.training.objectives.perturbation:Rotation",
        "scaled-gradient": "bench.training.objectives.perturbation:ScaledGradient",
        "hidden-perturbation": "bench.training.objectives.perturbation:HiddenPerturbation",
        "sign-noise": "bench.training.objectives.noise:SignNoise",
        "uniform-noise": "bench.training.objectives.noise:UniformNoise",
        "gaussian-rubbish": "bench.training.objectives.noise:GaussianRubbish",
        "multi-prediction": "bench.training.objectives.multi_prediction:MultiPrediction",
    },
    "figure": {
        "logreg-figure": "bench.paper.figures.logistic_regression:logistic_regression",
        "at-filters": "bench.paper.figures.filters:filters",
        "at-curve": "bench.paper.figures.curve:curve",
        "eps-trace": "bench.paper.figures.eps_trace:eps_trace",
        "fooling-figure": "bench.paper.figures.fooling:fooling",
        "small-distances": "bench.paper.figures.small_distances:small_distances",
        "maps": "bench.paper.figures.maps:maps",
    },
    "estimator": {
        "linear-svm": "sklearn.svm:LinearSVC",
        "rbf-svm": "sklearn.svm:SVC",
        "knn": "sklearn.neighbors:KNeighborsClassifier",
        "decision-tree": "sklearn.tree:DecisionTreeClassifier",
        "random-forest": "sklearn.ensemble:RandomForestClassifier",
    },
}
ALIASES = {"attack": {"bim": "iterated-fgsm"}}
"""What people type besides. They are gone before anything becomes part of an identity."""
OPEN = ("attack", "dataset", "suite")
"""The kinds that other packages add to."""

_warned: set[str] = set()


class PluginError(UsageError):
    """What another package offers does not import."""


@dataclass(frozen=True)
class Offer:
    """Where something of a name is."""

    target: str
    package: str = ""
    """The distribution that offers it; empty for ours."""

    def resolve(self) -> Any:
        """The object itself, or the file in a package. Raises PluginError where another package does not import."""
        module, _, attribute = self.target.partition(":")
        try:
            if attribute.endswith(".yaml"):
                return resources.files(module) / attribute
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:
            if not self.package:
                raise
            line = f"package {self.package} does not import ({told(error)}); repair or uninstall it"
            raise PluginError(line) from error


def names(kind: str) -> tuple[str, ...]:
    """All names of a kind, ours first, aliases left out."""
    return tuple(_offers(kind))


def targets(kind: str) -> Mapping[str, str]:
    """What the names of a kind stand for, as strings."""
    return {name: offer.target for name, offer in _offers(kind).items()}


def canonical(kind: str, name: str) -> str:
    """The name itself, or what it is an alias of. Raises UsageError, with the nearest names, where there is neither."""
    aliases = ALIASES.get(kind, {})
    name = aliases.get(name, name)
    if name not in _offers(kind):
        raise unknown(kind, name, [*_offers(kind), *aliases])
    return name


def get(kind: str, name: str) -> Any:
    """What a name or an alias stands for, imported. Raises UsageError where there is none, or it does not import."""
    return _offers(kind)[canonical(kind, name)].resolve()


def each(kind: str, load: Callable[[str], T]) -> Iterator[T]:
    """What `load` makes of every name of a kind. Where another package's fails, that is a warning, told once."""
    for name, offer in _offers(kind).items():
        try:
            loaded = load(name)
        except PluginError as error:
            _warn(str(error))
        except Exception as error:
            if not offer.package:
                raise
            _warn(f"package {offer.package}: {kind} {name!r}: {error}")
        else:
            yield loaded


@contextmanager
def adding(kind: str, name: str, target: str) -> Iterator[None]:
    """One name more, for as long as the block takes."""
    offers = _offers(kind)
    before = dict(offers)
    offers[name] = Offer(target)
    try:
        yield
    finally:
        offers.clear()
        offers.update(before)


@cache
def _offers(kind: str) -> dict[str, Offer]:
    found = {name: Offer(target) for name, target in (OURS[kind] if kind in OURS else _suite_files()).items()}
    taken = dict.fromkeys((*found, *ALIASES.get(kind, ())), "potemkin-bench")
    points = importlib.metadata.entry_points(group=f"potemkin.{kind}s") if kind in OPEN else ()
    theirs = sorted((point.dist.name if point.dist else "?", point.name, point.value) for point in points)
    for package, name, target in theirs:
        if name in taken:
            _warn(f"packages {taken[name]} and {package} both offer {kind} {name!r}; that of {taken[name]} is taken")
            continue
        taken[name] = package
        found[name] = Offer(target, package)
    return found


def _suite_files() -> dict[str, str]:
    files = sorted(item.name for item in resources.files("suites").iterdir())
    return {name[:-5]: f"suites:{name}" for name in files if name.endswith(".yaml")}


def _warn(line: str) -> None:
    if line not in _warned:
        _warned.add(line)
        sys.stderr.write(f"warning: {one_line(line)}\n")
