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
const MOST_SHOWN = 1000; // words, one by one

const element = (id) => document.getElementById(id);

/** Return a new element with properties and children. */
function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const signed = (value, digits) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);

/** Consumes a generator in short slices of time, with `work` for each value. Starting another one ends it early. */
class Background {
  start(values, work, done) {
    clearTimeout(this.waiting);
    const slice = () => {
      const end = performance.now() + SLICE;
      do {
        const { value, done: ended } = values.next();
        if (ended) return done();
        work(value);
      } while (performance.now() < end);
      this.waiting = setTimeout(slice);
    };
    this.waiting = setTimeout(slice);
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
      state === null ? `No state ${after}: the automaton does not know a word so far.` : `State ${state} ${after}.`;
  }
}

class Page {
  constructor(data) {
    this.network = new Network(data.network);
    this.threshold = data.threshold; // of two classes
    this.walks = data.walks.map((walk) => new Walk(walk));
    this.curve = new Background();
    this.contributions = new Background();
    this.box = element("text");
    this.cursor = 0;
    this.unit = -1;
    this.past = [];
    this.fillUnits();
    this.box.addEventListener("input", () => this.type());
    element("position").addEventListener("input", (event) => this.moveTo(Number(event.target.value)));
    element("delete").addEventListener("click", () => this.deleteWord());
    element("undo").addEventListener("click", () => this.undo());
    element("layer")?.addEventListener("change", () => this.draw());
    element("unit").addEventListener("change", (event) => this.choose(Number(event.target.value)));
    element("states").addEventListener("click", (event) => this.click(event));
    element("details").addEventListener("toggle", () => this.fillTable());
    for (const button of document.querySelectorAll("[data-text]")) {
      button.addEventListener("click", () => {
        this.replace(button.dataset.text);
        this.moveTo(Infinity);
      });
    }
    element("try").hidden = false;
    this.update();
    this.moveTo(Infinity);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(element("scroll"));
  }

  /** Follow what a person types. The browser's own undo takes it back, ours does not reach behind it. */
  type() {
    this.past = [];
    element("undo").disabled = true;
    this.update();
    const caret = this.box.selectionStart;
    const at = this.tokens.findIndex(({ end }) => end >= caret);
    this.moveTo(at < 0 ? Infinity : at);
  }

  /** Run the network on the text in the box, and show everything about it. */
  update() {
    const all = tokenize(this.box.value, this.network.encoding.tokenizer);
    const tokens = this.network.read(this.box.value, all);
    const words = tokens.map(({ word }) => word);
    this.tokens = words.length > MOST_SHOWN ? [] : tokens;
    if (words.length === this.words?.length && words.every((word, index) => word === this.words[index])) {
      return; // white space alone has changed
    }
    this.words = words;
    this.before = this.answer;
    this.ids = tokens.map(({ id }) => id);
    this.layers = this.network.states(this.ids);
    const logits = this.network.logits(this.ids, this.layers);
    const probabilities = this.network.probabilities(logits);
    const most = probabilities.indexOf(Math.max(...probabilities));
    const predicted = probabilities.length === 2 ? Number(probabilities[1] >= this.threshold) : most;
    this.label = probabilities.length === 2 ? 1 : predicted;
    this.answer = { logits, probabilities, predicted };
    this.effects = [];
    this.after = [];
    this.showAnswer(all.length);
    if (words.length > MOST_SHOWN) Object.assign(this, { ids: [], layers: this.network.states([]) });
    this.showWords();
    this.moveTo(this.cursor);
    this.curve.start(
      this.network.prefixes(this.ids, this.layers),
      (found) => this.after.push(this.network.probabilities(found)),
      () => this.draw(),
    );
    this.contributions.start(
      this.network.leaveOneOut(this.ids, this.label, logits),
      (effect) => this.effects.push(effect),
      () => this.colourWords(),
    );
  }

  /** total: the number of words in the text, of which the network may read fewer */
  showAnswer(total) {
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
    element("answer").replaceChildren(
      make("strong", {}, make("bdi", { textContent: classes[predicted] })),
      ": the probability of ",
      make("bdi", { textContent: classes[label] }),
      ` is ${probabilities[label].toFixed(4)}.${change}`,
    );
    const unknown = this.ids.filter((id) => id === OUT_OF_VOCABULARY).length;
    const read = this.ids.length;
    const told = [`${read} ${read === 1 ? "word" : "words"} read, ${unknown} unknown to the network.`];
    if (read < total) told.push(`The network reads no more of the text, which has ${total}.`);
    if (unknown > read / 2) told.push("With so many unknown words, the answer means little.");
    if (read > MOST_SHOWN) told.push(`The page shows at most ${MOST_SHOWN} words one by one.`);
    element("known").textContent = told.join(" ");
  }

  /** Show a button for each word. Those that stay are left alone, which is what keeps typing fluent. */
  showWords() {
    const buttons = element("words").children;
    for (const [index, { word, id }] of this.tokens.entries()) {
      if (buttons[index]?.textContent === word) continue;
      // The slider is the way through the words by keyboard: a stop at each of them would be a long way.
      const properties = { type: "button", className: "word", tabIndex: -1 };
      const button = make("button", properties, make("bdi", { textContent: word }));
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

  /** Select a word, the last one if there are not so many. */
  moveTo(wanted) {
    const index = Math.max(0, Math.min(wanted, this.tokens.length - 1));
    this.cursor = index;
    element("position").value = index;
    element("position").setAttribute("aria-valuetext", this.tokens[index]?.word ?? "");
    element("words").querySelector("[aria-current]")?.removeAttribute("aria-current");
    element("words").children[index]?.setAttribute("aria-current", "true");
    for (const walk of this.walks) walk.show(this.tokens.map(({ word }) => word), index);
    this.showWord();
    const scroll = element("scroll");
    const left = SCALE + index * (this.column ?? 0);
    if (left < scroll.scrollLeft || left > scroll.scrollLeft + scroll.clientWidth - COLUMN.most) {
      scroll.scrollLeft = left - scroll.clientWidth / 2;
    }
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
    const probability = logistic(this.network.logOdds(this.answer.logits, this.label) - effect);
    const after = this.after[this.cursor];
    element("word").replaceChildren(
      "Without “",
      make("bdi", { textContent: token.word }),
      "”, the probability of ",
      make("bdi", { textContent: name }),
      ` is ${probability.toFixed(4)}: the word changes the log-odds by ${signed(effect, 2)} (leave-one-out).`,
      after ? ` If the text ended with it, the probability would be ${after[this.label].toFixed(4)}.` : "",
    );
  }

  /** Take the selected word out of the text; one space keeps the words around it apart. */
  deleteWord() {
    const { start, end } = this.tokens[this.cursor];
    const [before, after] = [this.box.value.slice(0, start).trimEnd(), this.box.value.slice(end).trimStart()];
    this.replace(before && after ? `${before} ${after}` : before + after);
    if (!this.tokens.length) element("undo").focus(); // the button for deleting is disabled
  }

  undo() {
    this.box.value = this.past.pop();
    element("undo").disabled = !this.past.length;
    this.update();
  }

  /** Put another text into the box, which `undo` takes back. */
  replace(text) {
    this.past.push(this.box.value);
    element("undo").disabled = false;
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
    const largest = this.largest(rows);
    this.paintCurve(context, colour, width, rows, largest);
    this.paintWords(context, colour, words);
    this.paintUnits(context, colour, width, rows, largest);
  }

  paintCurve(context, colour, width, rows, largest) {
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
    if (this.unit >= 0) line([...rows[this.unit]].map((value) => (value / largest + 1) / 2), "against", [5, 3]);
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

  paintUnits(context, colour, width, rows, largest) {
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
    this.moveTo(token);
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
