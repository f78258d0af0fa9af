"""Within a model's process no exception of its code ends it: each is told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.running.isolation.serving import _Server
from bench.running.isolation.wire import Message, packed, unpacked

FILE = """
class Silent(BaseException):
    def __str__(self):
        raise SystemExit

class Loud(Exception):
    def __str__(self):
        raise KeyboardInterrupt

{}
"""


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("1 / 0", {"type": "NotImportable", "text": "mine.py does not import: ZeroDivisionError: division by zero"}),
        ("raise SystemExit(3)", {"type": "NotImportable", "text": "mine.py does not import: SystemExit: 3"}),
        ("raise KeyboardInterrupt", {"type": "", "text": "KeyboardInterrupt:"}),
        ("raise GeneratorExit", {"type": "", "text": "GeneratorExit:"}),
        ("raise Silent", {"type": "", "text": "Silent: (its text cannot be had)"}),
        ("raise Loud", {"type": "", "text": "KeyboardInterrupt:"}),
        ("raise MemoryError('none left')", {"type": "NotImportable", "text": "mine.py does not import: MemoryError"}),
        ("from adapters.errors import Unsupported as U\nraise U('no')", {"type": "NotImportable", "text": "mine.py"}),
    ],
)
def test_an_exception_is_told(statement: str, values: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FILE.format(statement))
    reply = unpacked(_Server().reply(packed(Message("discover", {"spec": str(path)}, {}))))
    assert reply.kind == "error"
    assert reply.values["type"] == values["type"]
    assert str(reply.values["text"]).startswith(values["text"])


@pytest.mark.parametrize("kind", ["outputs", "os.system", ""])
def test_a_question_before_there_is_a_model(kind: str) -> None:
    reply = unpacked(_Server().reply(packed(Message(kind, {}, {}))))
    assert (reply.kind, reply.values["text"]) == ("error", "ValueError: there is no model yet")
