"""The command `bench draw`."""

from __future__ import annotations

from pathlib import Path

from cli_help import Bench
from PIL import Image

PROVED = """\
suite: proved
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}
  - {attack: worst-case, norm: linf}
rank_by: {eps: 0.1}
board: worst-case
"""


def test_a_picture_of_every_model_or_of_those_asked_for(bench: Bench, elsewhere: Path) -> None:
    (elsewhere / "proved.yaml").write_text(PROVED)
    bench("suite", "proved.yaml", "--model", "mine.py:net")
    said = bench("draw", "proved.yaml")
    assert said.code == 0, said.err
    path = Path("bench-out/figures/proved/net.png")
    assert said.out.split() == [str(path)]
    assert Image.open(elsewhere / path).format == "PNG"
    assert bench("draw", "proved.yaml", "--model", "net").out.split() == [str(path)]
    assert bench("draw", "proved.yaml", "--together", "board.png").out.split() == ["board.png"]
    assert Image.open(elsewhere / "board.png").format == "PNG"
    refused = bench("draw", "proved.yaml", "--model", "nte")
    assert refused.code == 2
    assert "unknown model 'nte'" in refused.err


def test_where_there_is_nothing_to_draw_it_says_what_draws_something(bench: Bench) -> None:
    """A suite without certificates will never have brackets, however often it is run."""
    found = bench("draw", "tiny.yaml")
    assert (found.code, found.err.count("\n")) == (2, 1)
    assert "suite tiny certifies nothing" in found.err
    assert found.err.endswith("on the same data: bench suite digits-worst-case\n")
    Path("proved.yaml").write_text(PROVED)
    assert bench("draw", "proved.yaml", "--out", "there").err.endswith("run: bench suite proved.yaml --out there\n")
    assert "such as digits-worst-case, " in bench("draw", "fashion-mnist-fgsm").err
