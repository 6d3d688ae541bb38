"use strict";

// The part of the page that reacts: it runs the network on the text in the box, and draws what the network does.

const SLICE = 12; // ms of computing between two frames, so that typing stays fluent
const COLUMN = { least: 15, most: 64 }; // px for each token
const GUTTER = 28; // px, for the scale on the left
const CURVE = { height: 130, top: 8 }; // px
const LONGEST_WORD = 14; // characters of a word below the curve

const element = (id) => document.getElementById(id);

/** Return a new element with properties and children. */
function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Return a new element of an SVG picture. */
function shape(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
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

/** The automaton in a picture, one circle of which is the current state. */
class Walk {
  constructor({ id, tokens, transitions, others }) {
    Object.assign(this, { transitions, others, circles: element(id).querySelectorAll("[data-state]") });
    this.line = element(id).querySelector(".walk");
    this.index = new Map(tokens.map((token, number) => [token, number]));
  }

  /** Return the state after each word; null from the first word on that is not in the alphabet. */
  trace(words) {
    let state = 0;
    return words.map((word) => {
      const token = this.index.get(word) ?? this.index.get(this.others?.[/[,.]$/.exec(word)?.[0] ?? ""]);
      state = state === null || token === undefined ? null : this.transitions[state][token];
      return state;
    });
  }

  show(words, cursor) {
    const state = words.length ? this.trace(words)[cursor] : 0;
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
    this.curves = new Background();
    this.contributions = new Background();
    this.box = element("text");
    this.cursor = 0;
    this.unit = -1;
    this.past = [];
    this.box.addEventListener("input", () => this.update());
    element("position").addEventListener("input", (event) => this.moveTo(Number(event.target.value)));
    element("delete").addEventListener("click", () => this.deleteWord());
    element("undo").addEventListener("click", () => this.undo());
    element("layer")?.addEventListener("change", () => this.drawStates());
    element("unit").addEventListener("change", (event) => this.choose(Number(event.target.value)));
    element("states").addEventListener("click", (event) => this.click(event));
    element("details").addEventListener("toggle", () => this.fillTable());
    for (const button of document.querySelectorAll("[data-text]")) {
      button.addEventListener("click", () => this.write(button.dataset.text));
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(element("scroll"));
    this.update();
    element("try").hidden = false;
  }

  /** Run the network on the text in the box, and show everything about it. */
  update() {
    const text = this.box.value;
    const tokens = this.network.read(text);
    const same = this.tokens && tokens.length === this.tokens.length;
    if (same && tokens.every(({ word }, index) => word === this.tokens[index].word)) {
      this.tokens = tokens; // white space has changed, so they stand elsewhere
      return;
    }
    this.before = this.answer;
    this.tokens = tokens;
    this.ids = tokens.map(({ id }) => id);
    const logits = this.network.logits(this.ids);
    const probabilities = this.network.probabilities(logits);
    const predicted = probabilities.indexOf(Math.max(...probabilities));
    this.label = probabilities.length === 2 ? 1 : predicted;
    this.answer = { logits, probabilities, predicted, label: this.label };
    this.layers = this.network.states(this.ids);
    this.effects = [];
    this.after = [];
    this.cursor = Math.min(this.cursor, Math.max(tokens.length - 1, 0));
    if (!same || this.cursor >= tokens.length) this.cursor = Math.max(tokens.length - 1, 0);
    this.showAnswer();
    this.showWords();
    this.draw();
    this.moveTo(this.cursor);
    if (tokens.length) {
      this.curves.start(
        this.network.prefixes(this.ids),
        (found) => this.after.push(this.network.probabilities(found)),
        () => this.drawCurve(),
      );
      this.contributions.start(
        this.network.leaveOneOut(this.ids, this.label),
        (effect) => this.effects.push(effect),
        () => this.colourWords(),
      );
    }
  }

  showAnswer() {
    const { probabilities, predicted, label } = this.answer;
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

  showWords() {
    const buttons = this.tokens.map(({ word, id }, index) => {
      const button = make("button", { type: "button", className: "word" }, make("bdi", { textContent: word }));
      if (id === OUT_OF_VOCABULARY) {
        button.classList.add("unknown");
        button.title = "unknown to the network";
      }
      button.addEventListener("click", () => this.moveTo(index));
      return button;
    });
    element("words").replaceChildren(...buttons);
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
    for (const [number, button] of [...element("words").children].entries()) {
      if (number === index) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    for (const walk of this.walks) walk.show(this.tokens.map(({ word }) => word), index);
    this.showWord();
    this.drawCursor();
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

  /** Draw what depends on the width of the page and on its colours. */
  draw() {
    if (!this.tokens) return;
    const room = (element("scroll").clientWidth - GUTTER) / Math.max(this.tokens.length, 1);
    this.column = Math.max(COLUMN.least, Math.min(COLUMN.most, Math.floor(room)));
    this.width = GUTTER + this.column * this.tokens.length;
    this.drawCurve();
    this.drawStates();
  }

  /** Draw the probability after each word, and the chosen unit's value. */
  drawCurve() {
    const { height, top } = CURVE;
    const shown = this.tokens.map(({ word }) => (word.length > LONGEST_WORD ? `${word.slice(0, LONGEST_WORD - 1)}…` : word));
    const bottom = top + height + 14 + 6.5 * Math.max(...shown.map((word) => word.length), 0);
    const place = (index) => GUTTER + (index + 0.5) * this.column;
    const level = (share) => top + (1 - share) * height;
    const path = (values) => values.map((value, index) => `${index ? "L" : "M"}${place(index)},${level(value)}`).join("");
    const parts = [0, 0.5, 1].flatMap((share) => [
      shape("line", { class: "grid", x1: GUTTER, x2: this.width, y1: level(share), y2: level(share) }),
      shape("text", { class: "scale", x: GUTTER - 4, y: level(share) + 4 }, String(share)),
    ]);
    const labels = this.network.classes.map((_, index) => index).filter((index) => index || this.network.classes.length > 2);
    for (const label of labels) {
      const line = this.after.map((probabilities) => probabilities[label]);
      parts.push(shape("path", { class: label === this.label ? "probability" : "other", d: path(line) }));
    }
    for (const [index, probabilities] of this.after.entries()) {
      const dot = shape("circle", { class: "dot", cx: place(index), cy: level(probabilities[this.label]), r: 3 });
      dot.append(shape("title", {}, `after “${this.tokens[index].word}”: ${probabilities[this.label].toFixed(4)}`));
      parts.push(dot);
    }
    if (this.unit >= 0) {
      const values = this.rows()[this.unit] ?? [];
      const largest = this.largest();
      parts.push(shape("path", { class: "unit", d: path([...values].map((value) => (value / largest + 1) / 2)) }));
    }
    for (const [index, word] of shown.entries()) {
      const kind = this.ids[index] === OUT_OF_VOCABULARY ? "unknown" : "";
      parts.push(shape("text", { class: kind, transform: `translate(${place(index) - 4} ${top + height + 8}) rotate(90)` }, word));
    }
    parts.push(shape("rect", { class: "cursor", id: "cursor", y: 0, width: this.column, height: bottom }));
    const curve = element("curve");
    curve.setAttribute("width", this.width);
    curve.setAttribute("height", bottom);
    curve.replaceChildren(...parts);
    this.drawCursor();
  }

  drawCursor() {
    element("cursor")?.setAttribute("x", GUTTER + this.cursor * this.column);
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
  largest() {
    if (this.network.config.nonlinearity !== "relu") return 1;
    return this.rows().reduce((largest, row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), largest), 1e-9);
  }

  /** Draw each unit's value at each token: a row for each unit. */
  drawStates() {
    const rows = this.rows();
    const largest = this.largest();
    const canvas = element("states");
    this.row = Math.max(3, Math.min(14, Math.floor(224 / rows.length)));
    const scale = window.devicePixelRatio || 1;
    canvas.width = this.width * scale;
    canvas.height = rows.length * this.row * scale;
    canvas.style.width = `${this.width}px`;
    canvas.style.height = `${rows.length * this.row}px`;
    const colours = getComputedStyle(document.documentElement);
    const [positive, negative] = ["--for", "--against"].map((name) => colours.getPropertyValue(name));
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    for (const [unit, values] of rows.entries()) {
      for (let token = 0; token < values.length; token++) {
        context.globalAlpha = Math.min(Math.abs(values[token]) / largest, 1);
        context.fillStyle = values[token] > 0 ? positive : negative;
        context.fillRect(GUTTER + token * this.column, unit * this.row, this.column - 1, this.row > 4 ? this.row - 1 : this.row);
      }
    }
    if (this.unit >= 0) {
      context.globalAlpha = 1;
      context.strokeStyle = colours.getPropertyValue("--text");
      context.lineWidth = 1.5;
      context.strokeRect(GUTTER, this.unit * this.row + 0.5, this.width - GUTTER - 1, this.row - 1);
    }
    const size = this.network.config.hidden_dim;
    const options = rows.map((_, unit) => {
      const name = this.network.config.bidirectional ? `${unit < size ? "forward" : "backward"} ${(unit % size) + 1}` : unit + 1;
      return make("option", { value: unit, textContent: name });
    });
    element("unit").replaceChildren(make("option", { value: -1, textContent: "none" }), ...options);
    element("unit").value = this.unit;
  }

  /** Select what was clicked in the picture of the units. */
  click(event) {
    const box = element("states").getBoundingClientRect();
    const unit = Math.floor((event.clientY - box.top) / this.row);
    this.choose(unit === this.unit ? -1 : unit);
    if (this.tokens.length) {
      const token = Math.floor((event.clientX - box.left - GUTTER) / this.column);
      this.moveTo(Math.max(0, Math.min(token, this.tokens.length - 1)));
    }
  }

  choose(unit) {
    this.unit = unit;
    this.drawStates();
    this.drawCurve();
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
