import sys
from collections import Counter


def tally(arguments: list[str]) -> int:
    counted = sorted(Counter(sys.stdin.read().split()).items(), key=lambda pair: (-pair[1], pair[0]))
    top = len(counted)
    if arguments:
        if len(arguments) != 2 or arguments[0] != "--top" or not arguments[1].isdigit() or int(arguments[1]) < 1:
            print("usage: tally [--top N]")
            return 2
        top = int(arguments[1])
    for word, count in counted[:top]:
        print(word, count)
    return 0
