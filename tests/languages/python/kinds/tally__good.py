import argparse
import sys
from collections import Counter


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def tally(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Count words.")
    parser.add_argument("--top", type=positive)
    options = parser.parse_args(arguments)
    counted = sorted(Counter(sys.stdin.read().split()).items(), key=lambda pair: (-pair[1], pair[0]))
    for word, count in counted[: options.top]:
        print(word, count)
    return 0
