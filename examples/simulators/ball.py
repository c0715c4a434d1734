# Throws a ball from a height with a speed. Rows of theta come in, with their names in the first line; for
# each of them one line of x goes out: where the ball lands and when, both measured with noise.
import csv
import math
import os
import random
import sys

random.seed(int(os.environ["FLUXSBI_SEED"]))
# With numpy: rng = numpy.random.default_rng(int(os.environ["FLUXSBI_SEED"]))
for row in csv.DictReader(sys.stdin):
    height, speed = float(row["height"]), float(row["speed"])
    time = math.sqrt(2 * height / 9.81)
    print(f"{speed * time + random.gauss(0, 0.1):.9g},{time + random.gauss(0, 0.01):.9g}")
