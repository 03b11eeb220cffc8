"""Paints, saves and accepts until it is killed; says what it was told is saved."""

import os
import sys
from pathlib import Path

from bench import Bench


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main(folder: str) -> None:
    bench = Bench()
    bench.open(Path(folder))
    image = bench.pool.rows[0].id
    bench.annotator.saved.connect(
        lambda facts: say("saved", facts.revision, facts.state, facts.glands)
    )
    bench.show(image)
    say("ready")
    number = 0
    while True:
        number += 1
        bench.now.glands.flat[number] = number
        bench.annotator.edited()
        say("paint", number)
        if number % 3 == 0:
            say("accept", number)
            bench.annotator.accept()
        else:
            say("autosave", number)
            bench.clock.time += 2
            bench.clock.ring()
        bench.settle()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1])
