"""A poll as the SDK of Element reads it."""

import asyncio
import json

import pytest

from bots.polls import POLL, TEXT, poll
from tests.client.element import HERE
from tests.node import node, npm_install
from tests.waiting import PATIENCE

pytestmark = pytest.mark.client

READ = """
import { PollStartEvent } from "matrix-js-sdk/lib/extensible_events_v1/PollStartEvent.js";
const read = new PollStartEvent({ type: process.argv[1], content: JSON.parse(process.argv[2]) });
const { question, kind, maxSelections, answers } = read;
const offered = answers.map((answer) => [answer.id, answer.text]);
console.log(JSON.stringify([question.text, kind.name, maxSelections, offered, read.serialize()]));
"""


async def test_the_sdk_understands_our_polls():
    """Question, answers and ids come through, and it would have written the same."""
    await npm_install(HERE)
    answers = [["7c41", "ဘေးကင်းပါတယ်"], ["e0d2", "I need help"]]
    content = poll("Are you safe?", [(key, text) for key, text in answers])
    arguments = (node(), "--input-type=module", "-e", READ, POLL, json.dumps(content))
    process = await asyncio.create_subprocess_exec(*arguments, cwd=HERE, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    question, kind, selections, read, written = json.loads(output)
    assert (question, read, selections) == ("Are you safe?", answers, 1)
    assert kind.endswith("poll.disclosed")
    assert written["type"] == POLL
    assert {name: content[name] for name in (POLL, TEXT)} == written["content"]
