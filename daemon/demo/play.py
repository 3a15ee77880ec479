"""How does a demo go, from its first line to its last?"""

import shlex
import sys

from daemon.cli.ending import INTERRUPTED, Ended, Exit
from daemon.demo import moods, story
from daemon.demo import stage as stages
from daemon.demo.interruption import interruptible
from daemon.demo.stage import Stage, StageBroken
from daemon.demo.voice import Voice
from daemon.demo.witness import Unexpected


def play(*, keep: bool, unhurried: bool) -> int:
    """Play the demo; the exit code. Nothing of it is left, unless it went well and is kept."""
    voice = Voice(unhurried=unhurried)
    try:
        with interruptible(), stages.set_up() as stage:
            _prologue(stage, voice, keep=keep)
            story.tell(stage, voice)
            _epilogue(stage, voice, keep=keep)
            stage.kept = keep
    except (Unexpected, StageBroken, Ended) as wrong:
        sys.stderr.write(f"\nThe demo ends here: {wrong}\n")
        return Exit.FAILED
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Nothing of the demo is left.\n")
        return INTERRUPTED
    return Exit.DONE


def _prologue(stage: Stage, voice: Voice, *, keep: bool) -> None:
    voice.chapter("rounds demo: a real daemon at work, in a minute and a half")
    end = "and stays there" if keep else "and is removed at the end"
    voice.say(
        f"Everything lies in {stage.directory} {end}. Nothing leaves this machine: all",
        f"providers are made up, and answer at {stage.opening.url}.",
        "Lines that begin with a number are events, read from the daemon's log as it writes it;",
        "some of little interest are left out.",
    )


def _epilogue(stage: Stage, voice: Voice, *, keep: bool) -> None:
    voice.chapter("Where to go from here")
    if not keep:
        voice.say("That was all, and it is removed now. To keep it, and look around in it:")
        voice.commands("rounds demo --keep")
        return
    socket, config, directory, data = (
        shlex.quote(str(path))
        for path in (stage.socket, stage.config, stage.directory, stage.state / "data")
    )
    voice.say("All of it stays. Tell `rounds` where it is, and look around:")
    voice.commands(
        f"export ROUNDS_SOCKET={socket}",
        f"export ROUNDS_CONFIG={config}",
        "rounds status",
        "rounds connection show garage/depot",
        "rounds log show",
        "rounds log verify",
        f"sqlite3 -readonly {data} 'SELECT * FROM weather_days'",
    )
    voice.say(
        f"Give a provider another mood ({', '.join(moods.ANY)}; Pulse: {', '.join(moods.PULSE)}),",
        "let some time pass at the depot, take back what Pulse was allowed, and sync:",
    )
    voice.commands(
        f"curl -d outage {stage.opening.url}/moods/weather",
        "rounds sync bakery/weather --wait",
        f"curl -X POST {stage.opening.url}/business/garage",
        "rounds sync garage/depot --wait",
        f"curl -X POST {stage.opening.url}/pulse/revoke",
        "rounds sync bakery/pulse --wait",
        "rounds connection authorize bakery/pulse",
    )
    voice.say("To stop and remove it:")
    pids = " ".join(str(pid) for pid in stage.pids())
    voice.commands(f"kill {pids}; sleep 3; rm -r {directory}")
