"""Who may change which settings?"""

import pytest

from daemon.control import policies
from daemon.control.desk import Desk, Refused
from daemon.control.policy_messages import PolicyOf, PolicyReset, PolicyWish
from daemon.places import Places
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.schema import SettingsReset, SettingsSet
from events.terms import Caller
from tests.fakes.in_process import NAME, InProcess, play

OPERATOR = Caller(uid=1000, role="operator")
ADMIN = Caller(uid=0, role="admin")


class Idle(InProcess):
    file = ProviderFile(
        name="health",
        base_url="https://api.example.com",
        streams={"days": Stream(path="/days", primary_key=("id",))},
    )

    def desk(self, daemon, tmp_path):
        return Desk.of(
            daemon,
            self.vault,
            self._parts(daemon.journal.log).configuration,
            Places(config=tmp_path, state=tmp_path, socket=tmp_path),
            "simulated",
        )


@pytest.mark.requirement("A19")
def test_what_holds_for_all_is_an_admins_to_set_and_a_tenants_an_operators(tmp_path):
    wish = {"settings": {"spread": "0"}}

    async def scene():
        idle = Idle()
        async with idle.life() as daemon:
            desk = idle.desk(daemon, tmp_path)
            for of in ({}, {"provider": "health"}):
                for call, more in ((policies.set_, wish), (policies.reset, {})):
                    kind = PolicyWish if more else PolicyReset
                    with pytest.raises(Refused, match="an admin sets them") as refused:
                        await call(desk, kind(**of, **more), OPERATOR)
                    assert refused.value.code == "not-allowed"
                    await call(desk, kind(**of, **more), ADMIN)
            for of in ({"tenant": "acme"}, {"connection": NAME}):
                await policies.set_(desk, PolicyWish(**of, **wish), OPERATOR)
                shown = await policies.show(desk, PolicyOf(**of), OPERATOR)
                (spread,) = [each for each in shown.settings if each.name == "spread"]
                assert (spread.by, spread.value) == (OPERATOR, 0)
        who = [each.event.by for each in idle.events(SettingsSet, SettingsReset)]
        assert who == [ADMIN] * 4 + [OPERATOR] * 2

    play(scene)
