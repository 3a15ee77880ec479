"""Does every snapshot that is kept hold what the log says that was true then?"""

from daemon import recall
from events.codec import decode
from events.snapshots import Snapshots
from projections import world as worlds
from projections.world import World
from tests.fakes.memory_log import Disk, MemoryLog


def wrong(disk: Disk, snapshots: Snapshots) -> list[str]:
    """What each differs in from the same events folded one by one."""
    log = MemoryLog(disk, None, None)
    rest, found, world = sorted(snapshots.numbers()), [], World()
    for row in disk.rows:
        worlds.fold(world, decode(row))
        if rest and rest[0] == world.seq:
            kept = recall.all_at_once(recall.nearest(snapshots, log.block_of, upto=rest.pop(0)))
            found += [
                f"the snapshot of event {world.seq} differs in {name}"
                for name in World.__struct_fields__
                if getattr(kept, name) != getattr(world, name)
            ]
    return [*found, *(f"there is a snapshot of event {seq}, and no event" for seq in rest)]
