"use strict";

// The part of the page that reacts: it runs the network on the text in the box, and draws what the network does.

const SLICE = 12; // ms of computing between two frames, so that typing stays fluent
// The picture of the states, in px: a column for each token, the scale on its left, the curve, the words, the units.
const COLUMN = { least: 15, most: 64 };
const SCALE = 28;
const CURVE = { top: 8, height: 130 };
const WORD = { characters: 14, width: 6.5 }; // the longest below the curve, and the width of a character
const UNITS = { height: 224, least: 3, most: 14 };
const WIDEST = 16000; // pixels of a canvas that every browser can paint

const element = (id) => document.getElementById(id);

/** Return a new element with properties and children. */
function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const signed = (value, digits) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);

/** Calls `work` for each value of a generator, a slice at a time, until it ends or another one is started. */
class Background {
  start(values, work, done) {
    const current = Symbol();
    this.current = current;
    const slice = () => {
      if (this.current !== current) return;
      const end = performance.now() + SLICE;
      do {
        const { value, done: ended } = values.next();
        if (ended) return done();
        work(value);
      } while (performance.now() < end);
      setTimeout(slice);
    };
    slice();
  }
}

/** The picture of an automaton, in which one circle is the current state. */
class Walk {
  constructor(steps) {
    this.automaton = new Automaton(steps);
    this.circles = element(steps.id).querySelectorAll("[data-state]");
    this.line = element(steps.id).querySelector(".walk");
  }

  show(words, cursor) {
    const state = words.length ? this.automaton.trace(words)[cursor] : 0;
    for (const circle of this.circles) circle.classList.toggle("current", Number(circle.dataset.state) === state);
    const after = words.length ? `after “${words[cursor]}”` : "at the start";
    this.line.textContent =
      state === null ? `No state ${after}: a word is not in its alphabet.` : `State ${state} ${after}.`;
  }
}

class Page {
  constructor(data) {
    this.network = new Network(data.network);
    this.walks = data.walks.map((walk) => new Walk(walk));
    this.curve = new Background();
    this.contributions = new Background();
    this.box = element("text");
    this.cursor = 0;
    this.unit = -1;
    this.past = [];
    this.fillUnits();
    this.box.addEventListener("input", () => this.update());
    element("position").addEventListener("input", (event) => this.moveTo(Number(event.target.value)));
    element("delete").addEventListener("click", () => this.deleteWord());
    element("undo").addEventListener("click", () => this.undo());
    element("layer")?.addEventListener("change", () => this.draw());
    element("unit").addEventListener("change", (event) => this.choose(Number(event.target.value)));
    element("states").addEventListener("click", (event) => this.click(event));
    element("details").addEventListener("toggle", () => this.fillTable());
    for (const button of document.querySelectorAll("[data-text]")) {
      button.addEventListener("click", () => this.write(button.dataset.text));
    }
    element("try").hidden = false;
    this.update();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(element("scroll"));
  }

  /** Run the network on the text in the box, and show everything about it. */
  update() {
    const before = this.tokens ?? [];
    this.tokens = this.network.read(this.box.value);
    const words = this.tokens.map(({ word }) => word);
    if (this.answer && words.length === before.length && words.every((word, index) => word === before[index].word)) {
      return; // white space alone has changed
    }
    this.before = this.answer;
    this.ids = this.tokens.map(({ id }) => id);
    this.layers = this.network.states(this.ids);
    const logits = this.network.logits(this.ids, this.layers);
    const probabilities = this.network.probabilities(logits);
    const predicted = probabilities.indexOf(Math.max(...probabilities));
    this.label = probabilities.length === 2 ? 1 : predicted;
    this.answer = { logits, probabilities, predicted };
    this.effects = [];
    this.after = [];
    this.showAnswer();
    this.showWords();
    this.moveTo(words.length === before.length ? this.cursor : Math.max(words.length - 1, 0));
    this.curve.start(
      this.network.prefixes(this.ids, this.layers),
      (found) => this.after.push(this.network.probabilities(found)),
      () => this.draw(),
    );
    this.contributions.start(
      this.network.leaveOneOut(this.ids, this.label),
      (effect) => this.effects.push(effect),
      () => this.colourWords(),
    );
  }

  showAnswer() {
    const { probabilities, predicted } = this.answer;
    const { label } = this;
    const { classes } = this.network;
    const bars = classes.map((name, index) => {
      const bar = make("meter", { value: probabilities[index], min: 0, max: 1 });
      bar.setAttribute("aria-label", `probability of ${name}`);
      return make("li", {}, make("bdi", { textContent: name }), bar, probabilities[index].toFixed(4));
    });
    element("bars").replaceChildren(...bars);
    let change = "";
    if (this.before) {
      const before = this.before.probabilities[label];
      change = ` Before the last change it was ${before.toFixed(4)} (${signed(probabilities[label] - before, 4)}).`;
    }
    const unknown = this.tokens.filter(({ id }) => id === OUT_OF_VOCABULARY).length;
    const words = this.tokens.length === 1 ? "word" : "words";
    element("answer").replaceChildren(
      make("strong", {}, make("bdi", { textContent: classes[predicted] })),
      `: the probability of ${classes[label]} is ${probabilities[label].toFixed(4)}.${change}`,
    );
    element("known").textContent =
      `${this.tokens.length} ${words} read, ${unknown} unknown to the network` +
      (unknown > this.tokens.length / 2 ? ". With so many unknown words, the answer means little." : ".");
  }

  /** Show a button for each word. Those that stay are left alone, which is what keeps typing fluent. */
  showWords() {
    const buttons = element("words").children;
    for (const [index, { word, id }] of this.tokens.entries()) {
      if (buttons[index]?.textContent === word) continue;
      const button = make("button", { type: "button", className: "word" }, make("bdi", { textContent: word }));
      if (id === OUT_OF_VOCABULARY) {
        button.classList.add("unknown");
        button.title = "unknown to the network";
      }
      button.addEventListener("click", () => this.moveTo(index));
      if (buttons[index]) buttons[index].replaceWith(button);
      else element("words").append(button);
    }
    while (buttons.length > this.tokens.length) buttons[this.tokens.length].remove();
    element("position").max = Math.max(this.tokens.length - 1, 0);
    for (const id of ["position", "delete"]) element(id).disabled = !this.tokens.length;
  }

  /** Colour each word by what the answer loses without it. */
  colourWords() {
    const largest = Math.max(...this.effects.map(Math.abs), 1e-9);
    for (const [index, button] of [...element("words").children].entries()) {
      const effect = this.effects[index];
      const strength = Math.round((9 * Math.abs(effect)) / largest);
      button.classList.remove(...[...button.classList].filter((name) => /^(for|against)-/.test(name)));
      if (strength) button.classList.add(`${effect > 0 ? "for" : "against"}-${strength}`);
    }
    this.showWord();
    this.fillTable();
  }

  /** Select a word: the network has read as far as it. */
  moveTo(index) {
    this.cursor = index;
    element("position").value = index;
    element("position").setAttribute("aria-valuetext", this.tokens[index]?.word ?? "");
    element("words").querySelector("[aria-current]")?.removeAttribute("aria-current");
    element("words").children[index]?.setAttribute("aria-current", "true");
    for (const walk of this.walks) walk.show(this.tokens.map(({ word }) => word), index);
    this.showWord();
    this.draw();
  }

  showWord() {
    const token = this.tokens[this.cursor];
    const effect = this.effects[this.cursor];
    if (!token || effect === undefined) {
      element("word").textContent = token ? "…" : "";
      return;
    }
    const name = this.network.classes[this.label];
    const odds = this.network.logOdds(this.answer.logits, this.label) - effect;
    const probability = 1 / (1 + Math.exp(-odds));
    element("word").textContent =
      `Without “${token.word}” the probability of ${name} is ${probability.toFixed(4)}; ` +
      `the word changes the log-odds by ${signed(effect, 2)}.`;
  }

  deleteWord() {
    const { start, end } = this.tokens[this.cursor];
    const text = this.box.value;
    this.past.push(text);
    this.write(text.slice(0, start) + text.slice(end).replace(/^\s/u, ""));
    element("undo").disabled = false;
  }

  undo() {
    this.write(this.past.pop());
    element("undo").disabled = !this.past.length;
  }

  write(text) {
    this.box.value = text;
    this.update();
  }

  /** Return the values of each unit of the chosen layer over the tokens: the forward units first, then the backward. */
  rows() {
    const directions = this.layers[Number(element("layer")?.value ?? this.layers.length - 1)];
    const size = this.network.config.hidden_dim;
    return directions.flatMap((states) =>
      Array.from({ length: size }, (_, unit) => Float64Array.from(states, (state) => state[unit])),
    );
  }

  /** Return what a unit's values are divided by: 1, or for relu, which has no bound, the largest of them. */
  largest(rows) {
    if (this.network.config.nonlinearity !== "relu") return 1;
    return rows.reduce((largest, row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), largest), 1e-9);
  }

  /** Draw the curve and the states in the next frame. */
  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.paint();
    });
  }

  paint() {
    const words = this.tokens.map(({ word }) =>
      word.length > WORD.characters ? `${word.slice(0, WORD.characters - 1)}…` : word,
    );
    const rows = this.rows();
    const room = (element("scroll").clientWidth - SCALE) / Math.max(words.length, 1);
    this.column = Math.max(COLUMN.least, Math.min(COLUMN.most, Math.floor(room)));
    this.row = Math.max(UNITS.least, Math.min(UNITS.most, Math.floor(UNITS.height / rows.length)));
    this.bottom = CURVE.top + CURVE.height + 16 + WORD.width * Math.max(...words.map(({ length }) => length), 0);
    const width = SCALE + this.column * words.length;
    const height = this.bottom + rows.length * this.row;
    const canvas = element("states");
    const scale = Math.min(window.devicePixelRatio || 1, WIDEST / width);
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colour("cursor");
    if (words.length) context.fillRect(SCALE + this.cursor * this.column, 0, this.column, height);
    this.paintCurve(context, colour, width, rows);
    this.paintWords(context, colour, words);
    this.paintUnits(context, colour, width, rows);
  }

  paintCurve(context, colour, width, rows) {
    const level = (share) => CURVE.top + (1 - share) * CURVE.height;
    const line = (values, name, dash = []) => {
      context.beginPath();
      for (const [index, value] of values.entries()) {
        context.lineTo(SCALE + (index + 0.5) * this.column, level(value));
      }
      context.setLineDash(dash);
      context.strokeStyle = colour(name);
      context.stroke();
      context.setLineDash([]);
    };
    context.textAlign = "right";
    context.lineWidth = 1;
    for (const share of [0, 0.5, 1]) {
      context.fillStyle = colour("quiet");
      context.fillText(String(share), SCALE - 5, level(share) + 4);
      context.fillStyle = colour("line");
      context.fillRect(SCALE, level(share), width, 1);
    }
    for (const [label] of this.network.classes.entries()) {
      if (label !== this.label && this.network.classes.length > 2) line(this.after.map((shares) => shares[label]), "line");
    }
    context.lineWidth = 2;
    const curve = this.after.map((shares) => shares[this.label]);
    line(curve, "for");
    context.fillStyle = colour("for");
    for (const [index, share] of curve.entries()) {
      context.fillRect(SCALE + (index + 0.5) * this.column - 2, level(share) - 2, 4, 4);
    }
    if (this.unit >= 0) line([...rows[this.unit]].map((value) => (value / this.largest(rows) + 1) / 2), "against", [5, 3]);
  }

  paintWords(context, colour, words) {
    context.textAlign = "left";
    for (const [index, word] of words.entries()) {
      context.save();
      context.translate(SCALE + (index + 0.5) * this.column - 4, CURVE.top + CURVE.height + 8);
      context.rotate(Math.PI / 2);
      context.fillStyle = colour(this.ids[index] === OUT_OF_VOCABULARY ? "quiet" : "text");
      context.fillText(word, 0, 0);
      context.restore();
    }
  }

  paintUnits(context, colour, width, rows) {
    const largest = this.largest(rows);
    const [positive, negative] = [colour("for"), colour("against")];
    const gap = this.row > 4 ? 1 : 0;
    for (const [unit, values] of rows.entries()) {
      for (let token = 0; token < values.length; token++) {
        context.globalAlpha = Math.min(Math.abs(values[token]) / largest, 1);
        context.fillStyle = values[token] > 0 ? positive : negative;
        const place = [SCALE + token * this.column, this.bottom + unit * this.row];
        context.fillRect(...place, this.column - 1, this.row - gap);
      }
    }
    context.globalAlpha = 1;
    if (this.unit >= 0) {
      context.strokeStyle = colour("text");
      context.strokeRect(SCALE, this.bottom + this.unit * this.row, width - SCALE - 1, this.row - gap);
    }
  }

  /** Select the word, and the unit if there is one, at the place of a click. */
  click(event) {
    const box = element("states").getBoundingClientRect();
    const unit = Math.floor((event.clientY - box.top - this.bottom) / this.row);
    if (unit >= 0) this.choose(unit === this.unit ? -1 : unit);
    const token = Math.floor((event.clientX - box.left - SCALE) / this.column);
    if (this.tokens.length) this.moveTo(Math.max(0, Math.min(token, this.tokens.length - 1)));
  }

  choose(unit) {
    this.unit = unit;
    element("unit").value = unit;
    this.draw();
  }

  fillUnits() {
    const { hidden_dim: size, bidirectional } = this.network.config;
    const options = Array.from({ length: bidirectional ? 2 * size : size }, (_, unit) => {
      const name = `${(unit % size) + 1}`;
      const ways = unit < size ? "forward" : "backward";
      return make("option", { value: unit, textContent: bidirectional ? `${ways} ${name}` : name });
    });
    element("unit").replaceChildren(make("option", { value: -1, textContent: "none" }), ...options);
  }

  /** Fill the table of all words, if it is open. */
  fillTable() {
    if (!element("details").open) return;
    const rows = this.tokens.map(({ word, id }, index) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, make("bdi", { textContent: word })),
        make("td", { textContent: id === OUT_OF_VOCABULARY ? "no" : "yes" }),
        make("td", { textContent: this.after[index]?.[this.label].toFixed(4) ?? "…" }),
        make("td", { textContent: this.effects[index] === undefined ? "…" : signed(this.effects[index], 2) }),
      ),
    );
    element("table").replaceChildren(...rows);
  }
}

const data = element("data");
if (data) new Page(JSON.parse(data.textContent));
