"""What the desk says."""

from banyan.i18n import SOURCE, Text, render
from bots.texts import HELP, lines, message, worded


def test_a_call_rings_and_chatter_does_not():
    """A first word must reach a person; an answer to somebody who looks need not."""
    assert message([Text(HELP[0])], "my", rings=True)["msgtype"] == "m.text"
    assert message([Text(HELP[0])], "my")["msgtype"] == "m.notice"


def test_many_lines_stay_as_they_stand():
    """However many there are, and whatever stands in them."""
    paragraph = "\n".join(["{who} @room", *(f"line {number}" for number in range(2000))])
    assert render(worded(paragraph), SOURCE) == paragraph
    assert render(lines([Text("a"), Text("b")]), SOURCE) == "a\nb"
