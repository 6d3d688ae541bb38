"use strict";

// The trained network in plain JavaScript: from a text to the probability of each class. It computes in float64, from
// the float32 weights of the model folder. `sentiment/data/tokenizer.py` and `sentiment/nn/` define what it must equal.

const OUT_OF_VOCABULARY = 1; // 0 is padding
const FIRST_TOKEN = 2;

// Anything but what Python's str.split and Arrow take for white space; JavaScript's \S excludes other characters.
const TOKEN = /[^\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;
const TAG = /<\/?[A-Za-z][^<>]*>/gu;
const UNSPACED = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{Script=${script}}`)
  .join("");
const LETTERS = `(?:[^\\P{L}${UNSPACED}]|[\\p{M}\\p{N}])+`;
const WORD_OR_CHARACTER = new RegExp(
  `(?:${LETTERS}(?:['’]${LETTERS})*|[${UNSPACED}]\\p{M}*|[^\\t\\n\\f\\r \\p{L}\\p{M}\\p{N}]\\p{M}*)`,
  "gu",
);
const MAX_TOKEN = 1000; // characters

/** Return the tokens of a text, each with where it stands: text.slice(start, end). */
function tokenize(text, { method, lowercase, strip_html }) {
  if (strip_html) text = text.replace(TAG, (tag) => " ".repeat(tag.length));
  if (lowercase) text = Array.from(text, lower).join("");
  const pieces = method === "words" ? text.matchAll(WORD_OR_CHARACTER) : [{ 0: text, index: 0 }];
  const tokens = [];
  for (const { 0: piece, index } of pieces) {
    for (const found of piece.matchAll(TOKEN)) {
      const word = found[0].length > MAX_TOKEN ? Array.from(found[0]).slice(0, MAX_TOKEN).join("") : found[0];
      tokens.push({ word, start: index + found.index, end: index + found.index + found[0].length });
    }
  }
  return tokens;
}

/** Return one character in lower case; İ becomes i, where toLowerCase returns two characters. */
function lower(character) {
  const small = character.toLowerCase();
  return Array.from(small).length === 1 ? small : "i";
}

/** Return the tokens that the network reads of a longer text. */
function truncate(tokens, { max_tokens, truncation_side }) {
  const excess = tokens.length - max_tokens;
  if (!max_tokens || excess <= 0) return tokens;
  const head = { start: 0, end: max_tokens, middle: Math.ceil(max_tokens / 2) }[truncation_side];
  return [...tokens.slice(0, head), ...tokens.slice(head + excess)];
}

const logistic = (x) => 1 / (1 + Math.exp(-x));
const NONLINEARITIES = { tanh: Math.tanh, relu: (x) => Math.max(x, 0), logistic };

// One step of each cell. x: the token's product with the input weights; u: that of the hidden state with the recurrent
// ones; both with their biases. They write the state: hidden, and for an LSTM the cell state too.
const STEPS = {
  rnn(x, u, size, hidden, cell, f) {
    for (let unit = 0; unit < size; unit++) hidden[unit] = f(x[unit] + u[unit]);
  },
  gru(x, u, size, hidden) {
    for (let unit = 0; unit < size; unit++) {
      const reset = logistic(x[unit] + u[unit]);
      const update = logistic(x[size + unit] + u[size + unit]);
      const candidate = Math.tanh(x[2 * size + unit] + reset * u[2 * size + unit]);
      hidden[unit] = candidate + update * (hidden[unit] - candidate);
    }
  },
  lstm(x, u, size, hidden, cell) {
    const gate = (number, unit) => x[number * size + unit] + u[number * size + unit];
    for (let unit = 0; unit < size; unit++) {
      cell[unit] = logistic(gate(1, unit)) * cell[unit] + logistic(gate(0, unit)) * Math.tanh(gate(2, unit));
      hidden[unit] = logistic(gate(3, unit)) * Math.tanh(cell[unit]);
    }
  },
};

/** Return weight · vector + bias. weight: rows × vector.length, row by row. */
function multiply(weight, vector, bias) {
  const columns = vector.length;
  const product = Float64Array.from(bias);
  for (let row = 0, at = 0; row < product.length; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += weight[at++] * vector[column];
    product[row] += sum;
  }
  return product;
}

/** Return the softmax of some logits. */
function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

class Network {
  /**
   * model: settings of the model folder ("config", "tokenizer", "truncation", "classes"), "vocabulary" in the order of
   * the ids, and "weights": each, row by row, as base64 of float32, little-endian
   */
  constructor(model) {
    Object.assign(this, { config: model.config, encoding: model, classes: model.classes });
    this.ids = new Map(model.vocabulary.map((token, index) => [token, FIRST_TOKEN + index]));
    const weights = Object.fromEntries(
      Object.entries(model.weights).map(([name, values]) => [
        name,
        Float64Array.from(new Float32Array(Uint8Array.from(atob(values), (byte) => byte.charCodeAt(0)).buffer)),
      ]),
    );
    this.table = weights["embedding.weight"];
    this.readout = { weight: weights["readout.weight"], bias: weights["readout.bias"] };
    const suffixes = this.config.bidirectional ? ["_l0", "_l0_reverse"] : ["_l0"];
    this.layers = Array.from({ length: this.config.layers }, (_, layer) =>
      suffixes.map((suffix) =>
        Object.fromEntries(
          ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((name) => [
            name,
            weights[`recurrence.layers.${layer}.${name}${suffix}`],
          ]),
        ),
      ),
    );
    this.inputs = new Map(); // of the first layer: "direction id" -> product with the input weights
  }

  /** Return the tokens that the network reads of a text, each with its id. tokens: of the text, if they are known */
  read(text, tokens = tokenize(text, this.encoding.tokenizer)) {
    return truncate(tokens, this.encoding.truncation).map((token) => ({ ...token, id: this.ids.get(token.word) ?? OUT_OF_VOCABULARY }));
  }

  /** Return the states of every layer: [layer][direction][token], the backward direction's in the order of the text. */
  states(ids) {
    const layers = [];
    for (const [number, directions] of this.layers.entries()) {
      const below = layers[number - 1];
      layers.push(
        directions.map((weights, direction) => {
          const inputs = ids.map((id, token) => {
            if (!below) return this.input(id, direction, weights);
            return multiply(weights.weight_ih, below.flatMap((states) => [...states[token]]), weights.bias_ih);
          });
          return this.run(weights, inputs, direction === 1);
        }),
      );
    }
    return layers;
  }

  embedding(id) {
    return this.table.subarray(id * this.config.embedding_dim, (id + 1) * this.config.embedding_dim);
  }

  input(id, direction, weights) {
    const key = 2 * id + direction;
    if (!this.inputs.has(key)) {
      this.inputs.set(key, multiply(weights.weight_ih, this.embedding(id), weights.bias_ih));
    }
    return this.inputs.get(key);
  }

  /** Return the hidden state after each token, in the order of the text. */
  run({ weight_hh, bias_hh }, inputs, reverse) {
    const { cell, nonlinearity, hidden_dim: size } = this.config;
    const hidden = new Float64Array(size);
    const memory = new Float64Array(size);
    const states = new Array(inputs.length);
    for (let step = 0; step < inputs.length; step++) {
      const token = reverse ? inputs.length - 1 - step : step;
      const recurrent = multiply(weight_hh, hidden, bias_hh);
      STEPS[cell](inputs[token], recurrent, size, hidden, memory, NONLINEARITIES[nonlinearity]);
      states[token] = hidden.slice();
    }
    return states;
  }

  /** Return the logits of a text: one for two classes, otherwise one for each. layers: its states, if they are known */
  logits(ids, layers = this.states(ids)) {
    if (!ids.length) return [...this.readout.bias]; // an empty text has the state of zeros
    return this.pooled(layers.at(-1), ids, ids.length - 1).next().value;
  }

  /**
   * Yield the logits of a text after each token, from the token `first` on.
   *
   * A network that reads in one direction needs a single pass over the text. With two directions, each beginning of the
   * text has other backward states and is read anew.
   */
  *prefixes(ids, layers = this.states(ids)) {
    if (!this.config.bidirectional) {
      yield* this.pooled(layers.at(-1), ids, 0);
      return;
    }
    for (let end = 1; end <= ids.length; end++) yield this.logits(ids.slice(0, end));
  }

  /** Yield the logits after each token from `first` on. directions: the last layer's states. */
  *pooled(directions, ids, first) {
    const { pooling, hidden_dim: size, concat_last_embedding } = this.config;
    const sums = directions.map(() => new Float64Array(size));
    const highest = directions.map(() => new Float64Array(size).fill(-Infinity));
    for (let token = 0; token < ids.length; token++) {
      for (const [direction, states] of directions.entries()) {
        for (let unit = 0; unit < size; unit++) {
          sums[direction][unit] += states[token][unit];
          highest[direction][unit] = Math.max(highest[direction][unit], states[token][unit]);
        }
      }
      if (token < first) continue;
      const parts = {
        last: directions.map((states, direction) => states[direction ? 0 : token]),
        mean: sums.map((sum) => sum.map((value) => value / (token + 1))),
        max: highest,
      };
      const names = pooling === "concat" ? ["last", "mean", "max"] : [pooling];
      const vectors = names.flatMap((name) => parts[name]);
      if (concat_last_embedding) vectors.push(this.embedding(ids[token]));
      yield [...multiply(this.readout.weight, vectors.flatMap((vector) => [...vector]), this.readout.bias)];
    }
  }

  /** Return the probability of each class. */
  probabilities(logits) {
    return logits.length === 1 ? [logistic(-logits[0]), logistic(logits[0])] : softmax(logits);
  }

  /** Return log(p / (1 - p)) of a class, in nats. */
  logOdds(logits, label) {
    if (logits.length === 1) return label === 1 ? logits[0] : -logits[0];
    const others = logits.filter((_, index) => index !== label);
    const largest = Math.max(...others);
    return logits[label] - largest - Math.log(others.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  }

  /** Yield for each token how much smaller the log-odds of a class are without it. logits: of all, if they are known */
  *leaveOneOut(ids, label, logits = this.logits(ids)) {
    const whole = this.logOdds(logits, label);
    for (let token = 0; token < ids.length; token++) {
      yield whole - this.logOdds(this.logits(ids.filter((_, index) => index !== token)), label);
    }
  }
}

/** An automaton, which reads the same words. */
class Automaton {
  /** others: for a word out of its alphabet, a token that stands for it, by the sign at its end; none by default */
  constructor({ tokens, transitions, others = {} }) {
    Object.assign(this, { transitions, others, index: new Map(tokens.map((token, number) => [token, number])) });
  }

  /** Return the state after each word; null from the first word on that it cannot read. */
  trace(words) {
    let state = 0;
    return words.map((word) => {
      const token = this.index.get(word) ?? this.index.get(this.others[/[,.]?$/.exec(word)[0]]);
      state = state === null || token === undefined ? null : this.transitions[state][token];
      return state;
    });
  }
}
