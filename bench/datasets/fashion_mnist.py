"""Fashion-MNIST: articles of clothing, 28 x 28. From Debian's package where it is installed, else downloaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.datasets import idx
from bench.datasets.base import Arrays, Dataset
from bench.datasets.files import download
from bench.datasets.mnist import mnist
from bench.home import home

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MIRRORS = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""Of the unpacked files, which Debian and Zalando compress differently."""
DOWNLOAD_SHA256 = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
"""Of the files as Zalando offers them."""
CLASSES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"


def fashion_mnist() -> Dataset:
    """The full Fashion-MNIST, of the shape and size of MNIST: examples `(1, 28, 28)` in [0, 1]."""
    return replace(
        mnist(),
        name="fashion-mnist",
        classes=tuple(CLASSES.split(",")),
        checksum=idx.checksum(SHA256),
        read=_read,
        source="H. Xiao, K. Rasul and R. Vollgraf, https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
    )


def _read(split: str) -> Arrays:
    if DEBIAN.is_dir():
        return idx.read_split(DEBIAN, SHA256, "reinstall Debian's package dataset-fashion-mnist", split)
    folder = home() / "downloads" / "fashion-mnist"
    for name in idx.SPLITS[split]:
        otherwise = "install Debian's package dataset-fashion-mnist"
        download("fashion-mnist", f"{name}.gz", DOWNLOAD_SHA256[f"{name}.gz"], folder, MIRRORS, otherwise)
    return idx.read_split(folder, SHA256, "delete the file and run again", split)
