#!/usr/bin/env python3
"""Ways to draw with 1, 2 and 4 evaluations of a network (docs/distillation.md, "What else was tried").

few_step_methods.py OUT --sbibm DIR --fluxsbi PROGRAM [--stage train|score|table] [--task TASK]
                    [--seeds S ...] [--share X ...] [--only WORD ...]

A prototype outside of the program, in JAX: one small network (a residual MLP, whose time features are zero
for a second time that a teacher does not know), one task, equal seconds of the processor.

  trajectory   what `fluxsbi distill` does: fixed jumps, a student for each number of evaluations
  consistency  consistency distillation (Song et al. 2023, arXiv 2303.01469), 18 times, fresh noise between
  shortcut     shortcut models (Frans et al. 2024, arXiv 2410.12557): the network also takes a jump's end, and
               two jumps of it are the target of one of twice the length
  meanflow     MeanFlow (Geng et al. 2025, arXiv 2505.13447): u = v + (r - t) du/dt for the mean velocity from
               t to r, with the exact forward derivative

Time runs from noise (0) to data (1), x_t = (1 - t) noise + t theta. Students begin with the teacher's weights
and take SHARE of its seconds; where they need a velocity they ask the teacher. Shortcut and MeanFlow also
train from scratch (`*_scratch`), on the data's own velocity, for the seconds of teacher and student together.
All jumps are spaced as the program spaces them. Scores are C2ST by scikit-learn's random forest, 4,000 draws
of the benchmark's observations 1, 4, 6 and 8, the first two of its five folds. A second call goes on where
the first one was stopped. Needs jax, numpy and scikit-learn.
"""
import functools
import os
import subprocess
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import common  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

WIDTH, BLOCKS, FREQUENCIES, BATCH = 64, 3, 16, 256
EVALUATIONS = [1, 2, 4]
CHUNK = 200  # steps of one compiled call


def warped(part):
    """The time after this part of all steps: spacing 2, shorter towards the data."""
    return 1 - (1 - part)**2


# --- the network ---


def dense(key, n, m, scale=1.0):
    return {"w": scale * jax.random.normal(key, (n, m)) / np.sqrt(n), "b": jnp.zeros(m)}


def new_network(key, d, c):
    keys = iter(jax.random.split(key, 64))
    return {
        "in":
        dense(next(keys), d + c, WIDTH),
        "time":
        dense(next(keys), 2 * FREQUENCIES + 1, WIDTH),
        "end":
        dense(next(keys), 2 * FREQUENCIES + 1, WIDTH, 0.0),
        "time2":
        dense(next(keys), WIDTH, WIDTH),
        "blocks": [{
            "modulation": dense(next(keys), WIDTH, 2 * WIDTH, 0.1),
            "up": dense(next(keys), WIDTH, 2 * WIDTH),
            "down": dense(next(keys), 2 * WIDTH, WIDTH, 0.1)
        } for _ in range(BLOCKS)],
        "out":
        dense(next(keys), WIDTH, d, 0.1)
    }


def apply(layer, x):
    return x @ layer["w"] + layer["b"]


def features(u):
    phase = u[:, None] * jnp.pi * 0.5 * 2**jnp.linspace(0, 5, FREQUENCIES)
    return jnp.concatenate([u[:, None], jnp.sin(phase), jnp.cos(phase)], axis=1)


def network(weights, x, t, r, cond):
    """The mean velocity from t to r; r = t is the velocity. x [B, d], t and r [B], cond [B, c]."""
    place, end = 1 - jnp.sqrt(1 - t + 1e-6), 1 - jnp.sqrt(1 - r + 1e-6)
    e = apply(weights["time"], features(place)) + apply(weights["end"],
                                                        features(end - place) - features(0 * t))
    e = jax.nn.silu(apply(weights["time2"], jax.nn.silu(e)))
    h = apply(weights["in"], jnp.concatenate([x, cond], axis=1))
    for block in weights["blocks"]:
        scale, shift = jnp.split(apply(block["modulation"], e), 2, axis=1)
        normed = (h - h.mean(1, keepdims=True)) / jnp.sqrt(h.var(1, keepdims=True) + 1e-6)
        h = h + apply(block["down"], jax.nn.silu(apply(block["up"], normed * (1 + scale) + shift)))
    return apply(weights["out"], h)


# --- the losses: of weights, their average, the teacher's weights, a batch and a key ---


def mean_square(a, b):
    return ((a - jax.lax.stop_gradient(b))**2).mean()


def noisy(theta, t, key):
    noise = jax.random.normal(key, theta.shape)
    return (1 - t[:, None]) * noise + t[:, None] * theta, theta - noise


def times_of_teacher(key, n):
    return jax.nn.sigmoid(2.0 + 1.8 * jax.random.normal(key, (n, )))


def flow_loss(weights, _average, _teacher, theta, cond, key):
    a, b = jax.random.split(key)
    t = times_of_teacher(a, len(theta))
    x, v = noisy(theta, t, b)
    return mean_square(network(weights, x, t, t, cond), v)


def adams_bashforth(teacher, x, times, cond):
    """Where the teacher leads from times[:, 0] to times[:, -1]."""
    before = length_before = None
    for i in range(times.shape[1] - 1):
        length = (times[:, i + 1] - times[:, i])[:, None]
        v = network(teacher, x, times[:, i], times[:, i], cond)
        x = x + length * (v if before is None else v + (v - before) * length / length_before / 2)
        before, length_before = v, length
    return x


def trajectory_loss(jumps):
    substeps = max(4, -(-24 // jumps))
    inside = np.concatenate([[0], (np.arange(substeps) + 0.5) / (substeps - 0.5)])

    def loss(weights, _average, teacher, theta, cond, key):
        a, b = jax.random.split(key)
        jump = jax.random.randint(a, (len(theta), ), 0, jumps)
        times = warped((jump[:, None] + inside) / jumps)
        x, _ = noisy(theta, times[:, 0], b)
        y = adams_bashforth(teacher, x, times, cond)
        target = (y - x) / (times[:, -1] - times[:, 0])[:, None]
        return mean_square(network(weights, x, times[:, 0], times[:, 0], cond), target)

    return loss


def consistency_loss(weights, average, teacher, theta, cond, key):
    count = 18
    a, b = jax.random.split(key)
    i = jax.random.randint(a, (len(theta), ), 0, count)
    t, after = warped(i / count), warped((i + 1) / count)
    x, _ = noisy(theta, t, b)
    y = adams_bashforth(teacher, x, jnp.stack([t, t + (after - t) / 3, after], axis=1), cond)
    clean = y + (1 - after)[:, None] * network(average, y, after, after, cond)
    return mean_square(network(weights, x, t, t, cond), (clean - x) / (1 - t)[:, None])


def shortcut_loss(from_teacher):
    finest = 6  # jumps of 1/2^6 are the shortest that are no velocity

    def loss(weights, average, teacher, theta, cond, key):
        a, b, c, e = jax.random.split(key, 4)
        few = len(theta) // 4  # rows that learn jumps
        t = times_of_teacher(a, len(theta) - few)
        x, v = noisy(theta[few:], t, b)
        if from_teacher:
            v = network(teacher, x, t, t, cond[few:])
        base = mean_square(network(weights, x, t, t, cond[few:]), v)
        level, place = jax.random.split(c)
        count = 2**jax.random.randint(level, (few, ), 0, finest + 1)  # jumps on the whole way
        jump = jnp.floor(jax.random.uniform(place, (few, )) * count)
        begin, middle, end = (warped((jump + part) / count) for part in (0, 0.5, 1))
        x, _ = noisy(theta[:few], begin, e)
        shortest = count == 2**finest  # its halves are steps of the velocity
        first = network(average, x, begin, jnp.where(shortest, begin, middle), cond[:few])
        y = x + (middle - begin)[:, None] * first
        second = network(average, y, middle, jnp.where(shortest, middle, end), cond[:few])
        target = ((middle - begin)[:, None] * first +
                  (end - middle)[:, None] * second) / (end - begin)[:, None]
        learned = mean_square(network(weights, x, begin, end, cond[:few]), target)
        return 0.75 * base + 0.25 * learned

    return loss


def meanflow_loss(from_teacher, power):

    def loss(weights, _average, teacher, theta, cond, key):
        a, b, c, e = jax.random.split(key, 4)
        few = len(theta) // 2  # rows with r = t
        ends = jnp.sort(jax.random.uniform(a, (2, len(theta) - few)), axis=0)
        ends = ends.at[:, :len(theta) // 8].set(jnp.array([[0.0], [1.0]]))  # the whole way
        velocity = times_of_teacher(b, few)
        t = jnp.concatenate([velocity, warped(ends[0])])
        r = jnp.concatenate([velocity, warped(ends[1])])
        x, v = noisy(theta, t, c)
        if from_teacher:
            v = network(teacher, x, t, t, cond)
        u, change = jax.jvp(lambda x, t: network(weights, x, t, r, cond), (x, t), (v, jnp.ones_like(t)))
        error = ((u - jax.lax.stop_gradient(v + (r - t)[:, None] * change))**2).mean(axis=1)
        return (error / jax.lax.stop_gradient((error + 1e-3)**power)).mean()

    return loss


STUDENTS = {
    **{
        f"trajectory_{k}": trajectory_loss(k)
        for k in EVALUATIONS
    },
    "consistency": consistency_loss,
    "shortcut": shortcut_loss(True),
    "meanflow": meanflow_loss(True, 0.5),
}
SCRATCH = {"shortcut_scratch": shortcut_loss(False), "meanflow_scratch": meanflow_loss(False, 0.5)}
LOSSES = {"teacher": flow_loss, **STUDENTS, **SCRATCH}

# --- training ---


@functools.lru_cache(maxsize=None)
def trainer(name):
    """A compiled function that takes CHUNK steps of Adam; a cosine leads the rate to 0."""
    loss, rate = LOSSES[name], 1e-3

    def one(state, key):
        weights, average, m, s, step, fixed = state
        teacher, theta, cond, total = fixed
        a, b = jax.random.split(key)
        rows = jax.random.randint(a, (BATCH, ), 0, len(theta))
        gradient = jax.grad(loss)(weights, average, teacher, theta[rows], cond[rows], b)
        norm = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradient)))
        gradient = jax.tree.map(lambda g: g * jnp.minimum(1, 1 / (norm + 1e-9)), gradient)
        step = step + 1
        now = rate * jnp.minimum(step / 100, 0.5 * (1 + jnp.cos(jnp.pi * jnp.minimum(step / total, 1))))
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        s = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, s, gradient)
        first, second = 1 - 0.9**step, 1 - 0.999**step
        weights = jax.tree.map(lambda w, m, s: w - now * (m / first) / (jnp.sqrt(s / second) + 1e-8), weights,
                               m, s)
        decay = 1 - 20 / total
        average = jax.tree.map(lambda a, w: decay * a + (1 - decay) * w, average, weights)
        return (weights, average, m, s, step, fixed), None

    return jax.jit(lambda state, keys: jax.lax.scan(one, state, keys)[0])


def begin(weights, teacher, theta, cond, total):
    zeros = jax.tree.map(jnp.zeros_like, weights)
    return (weights, weights, zeros, zeros, jnp.zeros(()), (teacher, theta, cond, jnp.float32(total)))


def train(name, weights, teacher, theta, cond, steps, key):
    state = begin(weights, teacher, theta, cond, steps)
    for i in range(steps // CHUNK):
        state = trainer(name)(state, jax.random.split(jax.random.fold_in(key, i), CHUNK))
    return jax.block_until_ready(state[1])


def seconds_of_steps(weights, theta, cond):
    """Seconds of the processor that a step of each loss takes, measured in turns."""
    keys, taken = jax.random.split(jax.random.PRNGKey(0), CHUNK), {name: [] for name in LOSSES}
    for _ in range(4):
        for name, values in taken.items():
            began = time.process_time()
            jax.block_until_ready(trainer(name)(begin(weights, weights, theta, cond, 1000), keys))
            values.append((time.process_time() - began) / CHUNK)
    return {name: float(np.median(values[1:])) for name, values in taken.items()}


def save(file, weights):
    np.savez(file, *jax.tree.leaves(weights))


def load(file, like):
    stored = np.load(file)
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(stored[k]) for k in stored.files])


# --- sampling ---


def sample(name, weights, cond, n, evaluations, key):
    cond = jnp.broadcast_to(cond, (n, len(cond)))
    x = jax.random.normal(key, (n, weights["out"]["b"].shape[0]))
    times = [jnp.full((n, ), warped(i / evaluations)) for i in range(evaluations + 1)]
    if name == "teacher":
        return adams_bashforth(weights, x, jnp.stack(times, axis=1), cond)
    for i, (t, after) in enumerate(zip(times, times[1:])):
        if name == "consistency":
            clean = x + (1 - t)[:, None] * network(weights, x, t, t, cond)
            x, _ = noisy(clean, after, jax.random.fold_in(key, i + 1))
        else:
            end = t if name.startswith("trajectory") else after
            x = x + (after - t)[:, None] * network(weights, x, t, end, cond)
    return x


def forest(reference, draws):
    """C2ST as scripts/c2st_forest.py takes it, of the first two of its folds."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import KFold
    data = (np.concatenate([reference, draws]) - reference.mean(axis=0)) / reference.std(axis=0)
    side = np.repeat([0.0, 1.0], [len(reference), len(draws)])
    right = []
    for learn, test in list(KFold(n_splits=5, shuffle=True, random_state=1).split(data))[:2]:
        found = RandomForestClassifier(random_state=1).fit(data[learn], side[learn])
        right.append((found.predict(data[test]) == side[test]).mean())
    return float(np.mean(right))


class Study:

    def __init__(self, options):
        self.options = options
        options.out.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(options.out / "compiled"))
        data = options.out / f"{options.task}.npz"
        if not data.exists():
            subprocess.run(
                [options.fluxsbi, "simulate", options.task, "-n", "10000", "--seed", "5", "-q", "-o", data],
                check=True)
        simulated = np.load(data)
        theta, x = (simulated[key].reshape(10000, -1) for key in ("theta", "x"))
        self.moments = [(v.mean(axis=0), v.std(axis=0)) for v in (theta, x)]
        self.theta, self.cond = (jnp.asarray((v - m) / s, jnp.float32)
                                 for v, (m, s) in zip((theta, x), self.moments))
        self.blank = new_network(jax.random.PRNGKey(0), self.theta.shape[1], self.cond.shape[1])
        self.scores = common.Scores(options.out / f"{options.task}.json")

    def steps(self, name, share):
        """As many as the seconds allow: the teacher's are 1, a student's SHARE."""
        cost = self.scores.get("seconds of a step",
                               lambda: seconds_of_steps(self.blank, self.theta, self.cond))
        whole = {"teacher": 1}.get(name, 1 + share if name in SCRATCH else share)
        return int(whole * self.options.steps * cost["teacher"] / cost[name]) // CHUNK * CHUNK

    def file(self, name, seed, share):
        end = f"_{seed}.npz" if name == "teacher" else f"_{share}_{seed}.npz"
        return self.options.out / (self.options.task + "_" + name + end)

    def weights(self, name, seed, share):
        file = self.file(name, seed, share)
        if not file.exists():
            teacher = self.blank if name == "teacher" else self.weights("teacher", seed, share)
            own = name == "teacher" or name in SCRATCH
            start = new_network(jax.random.PRNGKey(100 + seed), self.theta.shape[1],
                                self.cond.shape[1]) if own else teacher
            steps, began = self.steps(name, share), time.process_time()
            key = jax.random.PRNGKey(1000 * seed + sorted(LOSSES).index(name))
            found = train(name, start, teacher, self.theta, self.cond, steps, key)
            print(f"{file.stem}: {steps} steps, {time.process_time() - began:.1f} s of the processor",
                  flush=True)
            save(file, found)
        return load(file, self.blank)

    def score(self, name, evaluations, seed, share):
        weights, values = self.weights(name, seed, share), []
        for k in self.options.observations:
            folder = self.options.sbibm / self.options.task / f"num_observation_{k}"
            x = np.loadtxt(folder / "observation.csv", delimiter=",", skiprows=1, ndmin=1)
            cond = jnp.asarray((x - self.moments[1][0]) / self.moments[1][1], jnp.float32)
            key = jax.random.PRNGKey(5000 + k)
            draws = np.asarray(sample(name, weights, cond, self.options.draws, evaluations, key))
            draws = draws * self.moments[0][1] + self.moments[0][0]
            reference = np.load(folder / "reference_posterior_samples.npy")[:len(draws)]
            values.append(forest(reference, draws))
        return values

    def cells(self):
        """(title, network, evaluations, share) of the table."""
        for k in [*EVALUATIONS, 30]:
            yield f"teacher {k}", "teacher", k, None
        for share in self.options.share:
            for name in [*STUDENTS, *SCRATCH]:
                for k in EVALUATIONS:
                    if name.startswith("trajectory") and name != f"trajectory_{k}":
                        continue
                    yield f"{name} {k} share {share}", name, k, share

    def run(self):
        for seed in self.options.seeds:
            for title, name, k, share in self.cells():
                if self.options.only and not any(word in title for word in self.options.only):
                    continue
                if self.options.stage == "train":
                    self.weights(name, seed, share)
                elif self.options.stage != "table" and (self.options.stage != "score"
                                                        or self.file(name, seed, share).exists()):
                    label = f"{title} seed {seed}"
                    found = self.scores.get(label, lambda: self.score(name, k, seed, share))
                    print(f"{label:40} {np.mean(found):.3f}   " + " ".join(f"{v:.3f}" for v in found),
                          flush=True)

    def table(self):
        print("seconds of a step:", {
            k: f"{1e3 * v:.2f} ms"
            for k, v in self.scores.values.get("seconds of a step", {}).items()
        })
        for title, *_ in self.cells():
            found = [self.scores.values.get(f"{title} seed {seed}") for seed in self.options.seeds]
            means = [f"{np.mean(value):.3f}" for value in found if value]
            if means:
                print(f"{title:32} " + " ".join(means))


def main():
    ap = common.arguments(__doc__)
    ap.add_argument("--stage",
                    choices=["train", "score", "table"],
                    help="one stage alone; score takes what is trained (default: all)")
    ap.add_argument("--task", default="two_moons")
    ap.add_argument("--steps", type=int, default=8000, help="of the teacher")
    ap.add_argument("--seeds", type=int, nargs="*", default=[1, 2], metavar="S")
    ap.add_argument("--share",
                    type=float,
                    nargs="*",
                    default=[0.5],
                    metavar="X",
                    help="seconds of a student, as a share of the teacher's")
    ap.set_defaults(draws=4000, observations=[1, 4, 6, 8])
    study = Study(ap.parse_args())
    study.run()
    study.table()


if __name__ == "__main__":
    main()
