#!/usr/bin/env python3
"""Non-linear rows with 2 % positives, for comparing learners on equal terms. Needs numpy, and lightgbm if asked to fit it.

usage: rows.py rows OUT_DIR [TRAIN_ROWS]   writes train.csv (200,000 rows) and test.csv (50,000): x0..x47,label
       rows.py lightgbm OUT_DIR            fits LightGBM on train.csv, judges it on test.csv, prints both and the processor time
       rows.py wide OUT_DIR [ROWS]         writes wide.csv (1,000,000 rows): x0..x63,who,label; 16 columns more of noise, 5 rows a `who`

Made by us, no licence needed. The same numbers on every machine (PCG64, fixed seeds). 48 columns: 16 log-normal, correlated through one
common cause (as rates are); 16 uniform (ratios); 8 small integers (categories); 8 normal, correlated. The label is a
threshold on interactions, steps, a sine and products of 13 of them plus logistic noise: what boosted trees learn well and a linear
model cannot. It says nothing about abuse.
"""
import pathlib
import sys
import time

import numpy as np


def rows(n, seed):
    r = np.random.default_rng(seed)
    common = r.standard_normal((n, 1))
    f = np.hstack([np.exp(.9 * r.standard_normal((n, 16)) + .4 * common), r.random((n, 16)),
                   np.floor(8 * r.random((n, 8))), .8 * r.standard_normal((n, 8)) + .5 * common])
    f = np.round(f, 5)
    c = f.T
    v = (1.8 * ((c[0] > 1.5) & (c[17] < .3)) + 1.3 * np.tanh(c[1] * c[18]) + 1.7 * (np.isin(c[32], (2, 5)) & (c[20] > .7))
         - .6 * c[21] * np.minimum(c[3], 4) + .9 * np.sin(3 * np.pi * c[22]) + 1.1 * np.log1p(c[4]) * (c[23] > .5)
         + 1.8 * ((c[5] > 2) & (c[24] > .6) & (c[33] >= 4)) + .6 * c[40] - .6 * c[41] * c[42] + .3 * c[43] ** 2
         + .4 * np.log1p(c[6]))
    u = np.clip(r.random(n), 1e-12, 1 - 1e-12)
    return f, (1.4 * v + np.log(u / (1 - u)) > 8.72).astype(int)


def write(folder, train):
    folder.mkdir(parents=True, exist_ok=True)
    for name, n, seed in (("train", train, 1), ("test", 50_000, 2)):
        x, y = rows(n, seed)
        np.savetxt(folder / f"{name}.csv", np.column_stack([x, y]), fmt="%.6g", delimiter=",",
                   header=",".join([f"x{i}" for i in range(48)] + ["label"]), comments="")
        print(name, n, "rows,", y.sum(), "of them positive")


def wide(folder, count, step=100_000):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "wide.csv", "w") as out:
        out.write(",".join([f"x{i}" for i in range(64)] + ["who", "label"]) + "\n")
        for start in range(0, count, step):
            n = min(step, count - start)
            x, y = rows(n, 1_000 + start)
            noise = np.random.default_rng(2_000 + start).standard_normal((n, 16))
            who = (start + np.arange(n)) // 5
            np.savetxt(out, np.column_stack([x, noise, who, y]), fmt=["%.6g"] * 64 + ["%d", "%d"], delimiter=",")
    print("wide", count, "rows")


def measure(y, s, w=None):
    """AUC and average precision; equal scores are taken together."""
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    last = np.append(s[1:] != s[:-1], True)
    hits, alarms = np.cumsum(y)[last], np.cumsum(1 - y)[last]
    auc = np.trapezoid(np.append(0, hits), np.append(0, alarms)) / hits[-1] / alarms[-1]
    return auc, np.sum(np.diff(np.append(0, hits)) * hits / (hits + alarms)) / hits[-1]


def lightgbm(folder):
    import lightgbm as lgb
    train, test = (np.loadtxt(folder / f"{name}.csv", delimiter=",", skiprows=1) for name in ("train", "test"))
    settings = dict(objective="binary", num_leaves=7, learning_rate=.05, bagging_fraction=.8, bagging_freq=1,
                    feature_fraction=.7, num_threads=1, seed=1, verbosity=-1)
    start = time.process_time()
    model = lgb.train(settings, lgb.Dataset(train[:, :-1], train[:, -1]), 1000)
    seconds = time.process_time() - start
    auc, precision = measure(test[:, -1], model.predict(test[:, :-1], num_threads=1))
    print(f"LightGBM {lgb.__version__}, 1000 trees of 7 leaves: AUC {auc:.4f}, average precision {precision:.4f}, "
          f"{seconds:.1f} s on the processor to fit")


if __name__ == "__main__":
    verb, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if verb == "wide":
        wide(folder, int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)
    elif verb == "rows":
        write(folder, int(sys.argv[3]) if len(sys.argv) > 3 else 200_000)
    else:
        lightgbm(folder)
