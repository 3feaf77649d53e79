"use strict";

const study = JSON.parse(document.getElementById("study").textContent);
const at = (id) => document.getElementById(id);
const judged = study.form === "real-or-generated";

// The browser stores the answers so far under the study's name: a reload loses nothing.
const store = `user study ${study.study}`;
const fresh = () => ({ rater: "", started: "", order: [], seen: {}, answers: {} });
let state = fresh();
function keep() {
  try {
    localStorage.setItem(store, JSON.stringify(state));
  } catch {
    at("forgetful").hidden = false;
  }
}
function recall() {
  try {
    state = JSON.parse(localStorage.getItem(store)) ?? fresh();
  } catch {
    at("forgetful").hidden = false;
  }
}

function turnTo(id) {
  for (const one of document.querySelectorAll(".screen")) one.hidden = one.id !== id;
}
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const frame = () => new Promise(requestAnimationFrame); // resolves to its time, on the clock of performance.now

// Every rater sees the parts in another order, so that no generator is always the one met by tired eyes.
function shuffled(count) {
  const order = [...Array(count).keys()];
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
const trials = () => state.order.flatMap((part) => study.parts[part].map((trial) => ({ ...trial, part })));

// The buttons of an answer: `real` and `generated`, or the place of a picture.
const choices = judged
  ? [
      { value: "real", name: "real", keys: ["arrowleft", "r"], hint: "←" },
      { value: "generated", name: "generated", keys: ["arrowright", "g"], hint: "→" },
    ]
  : study.parts[0][0].shown.map((_, place, all) => ({
      value: place,
      name: `image ${place + 1}`,
      keys: [String(place + 1), ...(all.length === 2 ? [["arrowleft", "arrowright"][place]] : [])],
      hint: String(place + 1),
    }));
for (const choice of choices) {
  choice.button = document.createElement("button");
  choice.button.type = "button";
  choice.button.addEventListener("click", () => answer(choice));
  const key = document.createElement("kbd");
  key.textContent = choice.hint;
  if (judged) choice.button.append(choice.name, key);
  else {
    choice.picture = document.createElement("img");
    choice.picture.alt = choice.name;
    choice.button.append(choice.picture, key);
  }
  at("choices").append(choice.button);
}

let asked = null; // the trial that can be answered now, and since when
let paused = false;
function pause(on) {
  paused = on;
  at("pause").ariaPressed = String(on);
}

function ask(trial, since, measured) {
  asked = trial && { trial, since, measured };
  for (const { button } of choices) button.ariaDisabled = String(!trial);
  at("task").textContent = judged ? (trial ? "Was it real or generated?" : "Look …") : "Which image is the best?";
}

function answer(choice) {
  if (!asked) return;
  const { trial, since, measured } = asked;
  state.answers[trial.id] = { answer: choice.value, reaction_ms: round(performance.now() - since), ...measured };
  ask(null);
  keep();
  at("said").textContent = `${choice.name}; ${Object.keys(state.answers).length} answered`;
  next(trial);
}
const round = (ms) => Math.round(ms * 10) / 10;

// Go to the first trial without an answer; stop before it if practice or a part ends, or if the rater is away.
function next(former) {
  const all = trials();
  const left = all.filter((trial) => !(trial.id in state.answers));
  if (!left.length) return finish();
  const trial = left[0];
  const part = `Part ${state.order.indexOf(trial.part) + 1} of ${state.order.length}`;
  if (former && former.part !== trial.part) return rest(part, `It has its own images${trial.practice ? " and begins with practice" : ""}. Judge it on its own.`, trial);
  if (former?.practice && !trial.practice) return rest("That was practice", "From now on, your answers count.", trial);
  return run(trial);
}

function rest(head, text, trial) {
  pause(false);
  at("rest-head").textContent = head;
  at("rest-text").textContent = text;
  at("continue").onclick = () => run(trial);
  turnTo("rest");
  at("continue").focus();
}

async function run(trial) {
  const all = trials();
  const place = all.findIndex((one) => one.id === trial.id);
  at("where").textContent = `${place + 1} of ${all.length}${trial.practice ? ", practice" : ""}`;
  Object.assign(at("bar"), { max: all.length, value: place });
  ask(null);
  turnTo("trial");
  if (!judged) prepare(trial);
  else at("picture").src = trial.shown[0];
  const images = [...document.querySelectorAll("#trial img")];
  await Promise.all([wait(study.pause_ms), ...images.map((image) => image.decode())]);
  if (paused || document.hidden) return rest("Pause", `${Object.keys(state.answers).length} of ${all.length} answered.`, trial);
  await (judged ? flash(trial) : show(trial));
}

// Show an image for a second, by the clock of the screen's frames, then open the question. How long and how often it was
// visible (a reload in between shows it again) is saved with the answer.
async function flash(trial) {
  const picture = at("picture");
  state.seen[trial.id] = (state.seen[trial.id] ?? 0) + 1;
  keep();
  const begun = await frame();
  picture.style.visibility = "visible";
  let now = begun;
  while (now - begun < study.shown_ms - 8) now = await frame(); // nearest frame: half of one of 60 a second
  picture.style.visibility = "hidden";
  ask(trial, now, { shown_ms: round(now - begun), seen: state.seen[trial.id] });
}

// Form ab: the task and all images at once, without a time limit.
function prepare(trial) {
  at("choices").style.visibility = at("given").style.visibility = "hidden";
  const given = trial.given.map(([caption, source]) => {
    const figure = document.createElement("figure");
    const image = Object.assign(document.createElement("img"), { src: source, alt: caption });
    figure.append(image, Object.assign(document.createElement("figcaption"), { textContent: caption }));
    return figure;
  });
  at("given").replaceChildren(...given);
  choices.forEach((choice, place) => (choice.picture.src = trial.shown[place]));
}
async function show(trial) {
  const begun = await frame();
  at("choices").style.visibility = at("given").style.visibility = "visible";
  ask(trial, begun, {});
}

const file = () => {
  const answers = trials().map((trial) => ({ id: trial.id, ...state.answers[trial.id] }));
  const { rater, started, finished, order } = state;
  return JSON.stringify({ study: study.study, form: study.form, rater, started, finished, order, trials: answers }, null, 1) + "\n";
};
function finish() {
  state.finished ??= new Date().toISOString();
  keep();
  at("text").value = file();
  at("former").textContent = state.rater;
  turnTo("done");
  at("save").focus();
}
at("save").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file()], { type: "application/json" }));
  const name = state.rater.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");
  link.download = `answers-${study.study.slice(0, 6)}-${name || "rater"}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  at("saved").textContent = `Saved to your downloads as ${link.download}.`;
});
at("another").addEventListener("click", () => (at("sure").hidden = false));
at("forget").addEventListener("click", () => {
  localStorage.removeItem(store);
  location.reload();
});

at("who").addEventListener("submit", (event) => {
  event.preventDefault();
  state.rater = at("rater").value.trim();
  if (!state.rater) return at("rater").focus();
  state.started = new Date().toISOString();
  state.order = shuffled(study.parts.length);
  keep();
  next(null);
});
at("pause").addEventListener("click", () => pause(!paused));
document.addEventListener("keydown", (event) => {
  if (at("trial").hidden || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.toLowerCase();
  if (key === "p") pause(!paused);
  const choice = choices.find((one) => one.keys.includes(key));
  if (choice) {
    event.preventDefault();
    answer(choice);
  }
});

recall();
if (!state.rater) {
  turnTo("begin");
  at("rater").focus();
} else if (trials().every((trial) => trial.id in state.answers)) finish();
else rest("Welcome back", `${state.rater}: ${Object.keys(state.answers).length} of ${trials().length} answered.`, trials().find((trial) => !(trial.id in state.answers)));
