"""When does the daemon open an issue, where a stream is judged like this, period by period?"""

from collections.abc import Sequence

from daemon import commands
from events.issues import IssueKind, IssueOpened
from projections import drifted
from projections.arrivals import Step
from projections.drift import Verdict
from tests.policy.transcript import KNOWN, NOON, ONE
from tests.policy.troubled import Scene


def opened(verdicts: Sequence[Verdict], step: Step) -> list[int]:
    """The places of the verdicts by which one was opened."""
    scene, found = Scene(*KNOWN), []
    scene.syncs(NOON)
    for place, verdict in enumerate(verdicts):
        if verdict.word in drifted.SAYS_NOTHING:
            continue
        judged = drifted.said("days", verdict, step, scene.world.seq)
        wish = commands.NoteDrift(subject=ONE, upto=scene.world.seq, judged=(judged,))
        scene.given.when(wish, NOON)
        for subject, event in scene.given.decided:
            scene.then(event, NOON, subject)
        told = [each for each in scene.look(NOON) if isinstance(each, IssueOpened)]
        found += [place for each in told if each.kind is IssueKind.DRIFTING]
    return found
