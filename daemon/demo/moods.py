"""In which mood is each made-up provider, and who waits for another one?"""

from threading import Condition

from daemon.demo.opening import Mood

ANY = (Mood.FINE, Mood.OUTAGE, Mood.EMPTY, Mood.HTML, Mood.SLOW)
PULSE = (Mood.FINE, Mood.DEAF, Mood.MUTE)
KNOWN = {"depot": ANY, "weather": ANY, "stock": ANY, "pulse": PULSE}
SLOW_S = 60.0  # nobody is kept waiting for longer, whatever the mood


class Moods:
    """All providers' moods. Threads share them."""

    def __init__(self) -> None:
        self._moods: dict[str, Mood] = {}
        self._changed = Condition()

    def of(self, provider: str) -> Mood:
        return self._moods.get(provider, Mood.FINE)

    def change(self, provider: str, mood: Mood) -> None:
        with self._changed:
            self._moods[provider] = mood
            self._changed.notify_all()

    def past(self, provider: str, mood: Mood) -> Mood:
        """The provider's mood, once it is another one than that."""
        with self._changed:
            self._changed.wait_for(lambda: self.of(provider) is not mood, SLOW_S)
            return self.of(provider)
