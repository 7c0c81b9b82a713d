"""Writes lightfm.json: epochs of hybrid factorisation by the update rules of the lightfm package 1.17, number by number.

Losses logistic, bpr, warp and warp-kos with adagrad and adadelta, on features of their own, on several weighted
features a row, and with users who are
the sum of the n items they had over sqrt(n). What the package draws with rand_r is drawn
with the generator of core/base/random.h, in the same places, so that every drawn negative, and every one that is
drawn again, is the same. Usage: make_lightfm.py OUT.json
"""

import json
import math
import sys

import numpy as np

WORD = 2**64 - 1
USERS, ITEMS, WIDTH, EPOCHS, SEED = 6, 9, 3, 2, 11
MAX_SAMPLED, K, N = 4, 2, 3
RATE, RHO, EPS = 0.05, 0.95, 1e-6


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    return x ^ (x >> 31)


def seed_of(first, *parts):
    seed = mix64(first)
    for part in parts:
        seed = mix64(seed ^ ((part + 0x632BE59BD9B4E019) & WORD))
    return seed


class Rng:
    def __init__(self, seed):
        self.state = seed

    def bits(self):
        value = mix64(self.state)
        self.state = (self.state + 1) & WORD
        return value

    def uniform(self):
        return (self.bits() >> 11) * 2.0**-53

    def below(self, n):
        while True:
            product = self.bits() * n
            low = product & WORD
            if low >= n or low >= (2**64 - n) % n:
                return product >> 64


USER_START, ITEM_START, ORDER, DRAWS = 1, 2, 3, 4


class Side:
    """Embeddings and biases of the features of users, or of items, and what the rates keep of them."""

    def __init__(self, rows, features, adadelta, seed):
        self.rows, self.adadelta = rows, adadelta
        rng = Rng(seed)
        self.embeddings = np.array([[(rng.uniform() - 0.5) / WIDTH for _ in range(WIDTH)] for _ in range(features)])
        self.biases = np.zeros(features)
        self.embedding_gradients = np.full((features, WIDTH), 0.0 if adadelta else 1.0)
        self.bias_gradients = np.full(features, 0.0 if adadelta else 1.0)
        self.embedding_momentum, self.bias_momentum = np.zeros((features, WIDTH)), np.zeros(features)

    def features_of(self, row, left_out):
        features = self.rows[row]
        if left_out is None or all(feature != left_out for feature, _ in features):
            return features
        scale = math.sqrt(len(features) / max(len(features) - 1, 1))
        return [(feature, weight * scale) for feature, weight in features if feature != left_out]

    def representation(self, features):
        total, bias = np.zeros(WIDTH), 0.0
        for feature, weight in features:
            total = total + weight * self.embeddings[feature]
            bias += weight * self.biases[feature]
        return total, bias

    def _step(self, values, gradients, momentum, index, gradient):
        if self.adadelta:
            gradients[index] = RHO * gradients[index] + (1 - RHO) * gradient**2
            change = math.sqrt(momentum[index] + EPS) / math.sqrt(gradients[index] + EPS) * gradient
            momentum[index] = RHO * momentum[index] + (1 - RHO) * change**2
            values[index] -= change
        else:
            values[index] -= RATE / math.sqrt(gradients[index]) * gradient
            gradients[index] += gradient**2

    def update(self, features, bias_gradient, gradient):
        for feature, weight in features:
            self._step(self.biases, self.bias_gradients, self.bias_momentum, feature, weight * bias_gradient)
            for j in range(WIDTH):
                self._step(self.embeddings, self.embedding_gradients, self.embedding_momentum, (feature, j),
                           weight * gradient[j])

    def table(self):
        return np.concatenate([self.embeddings, self.biases[:, None]], 1)


class LightFM:
    def __init__(self, loss, rates, case):
        self.loss, self.histories, self.interactions = loss, case["users_are_histories"], case["interactions"]
        adadelta = rates == "adadelta"
        self.users = Side(case["users"], case["user_features"], adadelta, seed_of(SEED, USER_START))
        self.items = Side(case["items"], case["item_features"], adadelta, seed_of(SEED, ITEM_START))
        self.positives = {user: sorted(i for u, i, y in self.interactions if u == user and y) for user in range(USERS)}

    def score(self, user_features, item):
        (u, user_bias), (i, item_bias) = (self.users.representation(user_features),
                                          self.items.representation(self.items.rows[item]))
        return user_bias + item_bias + u @ i

    def update_pair(self, user_features, positive, negative, loss):
        u = self.users.representation(user_features)[0]
        p, n = (self.items.representation(self.items.rows[item])[0] for item in (positive, negative))
        self.items.update(self.items.rows[positive], -loss, -loss * u)
        self.items.update(self.items.rows[negative], loss, loss * u)
        self.users.update(user_features, loss, loss * (n - p))

    def warp(self, user, user_features, positive, reached, rng):
        for sampled in range(1, MAX_SAMPLED + 1):
            negative = rng.below(ITEMS)
            if self.score(user_features, negative) > reached - 1:
                if negative in self.positives[user]:
                    continue
                loss = min(math.log(max(1.0, (ITEMS - 1) // sampled)), 10.0)
                return self.update_pair(user_features, positive, negative, loss)

    def epoch(self, epoch):
        order, rng = list(range(len(self.interactions))), Rng(seed_of(SEED, ORDER, epoch))
        for i in range(len(order), 1, -1):
            j = rng.below(i)
            order[i - 1], order[j] = order[j], order[i - 1]
        rng = Rng(seed_of(SEED, DRAWS, epoch, 0))
        for index in order:
            user, item, positive = self.interactions[index]
            features = self.users.features_of(user, item if self.histories else None)
            if self.loss == "logistic":
                loss = 1 / (1 + math.exp(-self.score(features, item))) - positive
                u, i = self.users.representation(features)[0], self.items.representation(self.items.rows[item])[0]
                self.items.update(self.items.rows[item], loss, loss * u)
                self.users.update(features, loss, loss * i)
            elif self.loss == "warp-kos":
                positives = self.positives[user]
                if not positives:
                    continue
                features = self.users.features_of(user, None)
                drawn = [positives[rng.below(len(positives))] for _ in range(min(N, len(positives)))]
                drawn = sorted(((self.score(features, i), -place, i) for place, i in enumerate(drawn)), reverse=True)
                item = drawn[min(K, len(drawn)) - 1][2]
                features = self.users.features_of(user, item if self.histories else None)
                self.warp(user, features, item, self.score(features, item), rng)
            elif not positive:
                continue
            elif self.loss == "bpr":
                for _ in self.interactions:
                    negative = self.interactions[rng.below(len(self.interactions))][1]
                    if negative not in self.positives[user]:
                        break
                difference = self.score(features, item) - self.score(features, negative)
                self.update_pair(features, item, negative, 1 - 1 / (1 + math.exp(-difference)))
            else:
                self.warp(user, features, item, self.score(features, item), rng)


def weighted_rows(rng, rows, features):
    return [[[int(f), float(np.round(rng.uniform(0.2, 1), 2))] for f in rng.choice(features, size=2, replace=False)]
            for _ in range(rows)]


def main():
    rng = np.random.default_rng(3)
    interactions = [[user, int(item), int(rng.random() < 0.8)]
                    for user in range(USERS) for item in rng.choice(ITEMS, size=4, replace=False)]
    own = {"users": [[[u, 1.0]] for u in range(USERS)], "user_features": USERS,
           "items": [[[i, 1.0]] for i in range(ITEMS)], "item_features": ITEMS, "users_are_histories": False}
    shared = {"users": weighted_rows(rng, USERS, 5), "user_features": 5,
              "items": weighted_rows(rng, ITEMS, 7), "item_features": 7, "users_are_histories": False}
    histories = own | {"users": [[[i, 0.5] for u, i, _ in interactions if u == user] for user in range(USERS)],
                       "user_features": ITEMS, "users_are_histories": True}
    cases = []
    for name, case in (("own", own), ("shared", shared), ("histories", histories)):
        for loss in ("logistic", "bpr", "warp", "warp-kos"):
            for rates in ("adagrad", "adadelta"):
                if name != "shared" and rates == "adadelta":
                    continue
                model = LightFM(loss, rates, case | {"interactions": interactions})
                for epoch in range(EPOCHS):
                    model.epoch(epoch)
                cases.append({"features": name, "loss": loss, "rates": rates,
                              "user_table": model.users.table().tolist(),
                              "items": [[*vector, bias] for vector, bias in
                                        (model.items.representation(row) for row in case["items"])]})
    golden = {"settings": {"width": WIDTH, "epochs": EPOCHS, "seed": SEED, "max_sampled": MAX_SAMPLED, "k": K, "n": N,
                           "learning_rate": RATE, "rho": RHO, "eps": EPS},
              "interactions": interactions, "features": {"own": own, "shared": shared, "histories": histories},
              "cases": cases}
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file, default=lambda array: array.tolist())
        file.write("\n")


if __name__ == "__main__":
    main()
