// The page: its clock, its buttons and keys, and the numbers that it tells. What is a family's own is asked of SCENE
// (families/NAME/page.js).

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const { network, task } = unpacked(data, MODELS);
const keys = data.keys, scale = floats(data.scale);
const populations = Array.from(new Int8Array(bytes_of(data.populations).buffer));
const reading = data.reading && {
  ...data.reading, slots: integers(data.reading.slots), weight: floats(data.reading.weight),
  sorted: Array.from(integers(data.reading.sorted)),
};
SCENE.prepare?.(task);

const page = {
  animals: [], histories: [], episode: 0, shown: 0, playing: false, owed: 0, last: null, frames: 0, intervals: [],
  computed_ms: 0, computed_in: 0,
};

const names = ["A", "B"];
const scenes = [$("scene-a"), $("scene-b")];
const speed = () => Number($("speed").value);
const is_pressed = (id) => $(id).getAttribute("aria-pressed") === "true";
const press = (id, on) => $(id).setAttribute("aria-pressed", String(on));

function tell(text) {
  $("told").textContent = text;
}

// Episodes and animals

function new_animal(episode, clock) {
  const animal = new SCENE.Animal(network, task, keys[episode % keys.length], clock);
  animal.noise = Number($("noise").value);
  animal.silence(Number($("silence").value) / 100);
  if (is_pressed("freeze")) animal.freeze(true);
  return animal;
}

function new_episode(number) {
  const count = Math.max(1, page.animals.length);
  page.episode = number;
  press("freeze", false);
  page.animals = Array.from({ length: count }, (_, i) => new_animal(number + i, 0));
  page.histories = page.animals.map(() => new History(reading));
  draw();
}

function second_animal(wanted) {
  if (wanted === page.animals.length > 1) return;
  if (wanted) {
    page.animals.push(new_animal(page.episode + 1, page.animals[0].t));
    page.histories.push(new History(reading));
  } else {
    page.animals.pop();
    page.histories.pop();
    page.shown = 0;
    $("show-a").checked = true;
  }
  press("second", wanted);
  $("second-scene").hidden = $("which").hidden = !wanted;
  $("swap").disabled = !wanted;
  draw();
}

// Time

function advance_by(steps) {
  const began = performance.now();
  let done = 0;
  for (; done < steps; done++) {
    page.animals.forEach((animal, i) => page.histories[i].add(animal, animal.step(scale)));
    if (done % 16 === 15 && performance.now() - began > 12) { // the rest of a frame is for drawing
      done++;
      break;
    }
  }
  page.computed_ms += done * page.animals.length;
  page.computed_in += performance.now() - began;
  return done;
}

function frame(now) {
  if (!page.playing) return;
  if (page.last !== null) page.intervals = [...page.intervals.slice(-59), now - page.last];
  const passed = page.last === null ? 0 : Math.min(50, now - page.last);
  page.last = now;
  page.owed = Math.min(page.owed + passed * speed(), 60);
  const whole = Math.floor(page.owed);
  page.owed -= whole ? advance_by(whole) : 0;
  page.frames += 1;
  draw(page.frames % CHARTS_EVERY === 0);
  requestAnimationFrame(frame);
}

function play(on) {
  if (on === page.playing) return;
  page.playing = on;
  page.last = null;
  $("play").textContent = on ? "Pause" : "Play";
  press("play", on);
  if (on) requestAnimationFrame(frame);
  else if (page.animals.length) draw();
}

// Drawing and numbers

const CHARTS_EVERY = 3; // frames

const read_of = (animal) => reading && read_off(reading, animal.state);

function draw(charts = true) {
  page.animals.forEach((animal, i) => {
    const selected = document.activeElement === scenes[i] ? moved_by_keys().value : null;
    SCENE.draw(scenes[i], animal, $("shows-reading").checked ? read_of(animal) : null, selected);
  });
  const animal = page.animals[page.shown], history = page.histories[page.shown];
  tell_numbers(animal);
  if (!charts) return;
  draw_raster($("raster"), history, populations, data.population_names, animal.t);
  if (reading) draw_thresholds($("thresholds"), history, animal.t, SCENE.sorted_by);
  SCENE.draw_trials($("trials"), animal);
}

const write = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };

function tell_numbers(animal) {
  const who = page.animals.length > 1 ? `Animal ${names[page.shown]}. ` : "";
  write("headline", who + SCENE.headline(animal));
  write("last-trial", SCENE.last_trial(animal));
  write("time", `${animal.t} ms`);
  if (page.computed_in) {
    const rate = `${Math.round((1000 * page.computed_ms) / page.computed_in)} ms of network a second`;
    const frames = page.intervals.length ? `, ${Math.round(1000 / median(page.intervals))} frames a second` : "";
    write("rate", rate + frames);
  }
  for (const [id, value] of Object.entries(SCENE.numbers(animal, read_of(animal)))) write(id, String(value));
}

// Dragging, and the same by keys

const moved_by_keys = () => document.querySelector("input[name=keys]:checked");

function drag(canvas, number) {
  let held = null; // what SCENE.grab gave, whose it is, and whether the clock ran
  const place_of = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const move = (event) => {
    held.move(...place_of(event));
    draw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (held || event.button > 0) return;
    const animal = page.animals[number], found = SCENE.grab(canvas, animal, ...place_of(event));
    if (!found) return;
    held = { ...found, animal, ran: page.playing };
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    play(false);
    if (held.at_once) move(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (held) move(event); });
  const drop = () => {
    if (!held) return;
    moved(held.animal, held.what);
    if (held.ran) play(true);
    held = null;
  };
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(kind, drop);
  canvas.addEventListener("keydown", (event) => key_moves(event, number));
  for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => draw());
}

function moved(animal, what) {
  animal.note(SCENE.moving(what));
  tell(SCENE.moved(animal, what));
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function key_moves(event, number) {
  if (event.key === " ") {
    event.preventDefault();
    play(!page.playing);
  }
  if (!(event.key in ARROWS) || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const animal = page.animals[number];
  const what = SCENE.key(animal, moved_by_keys().value, ...ARROWS[event.key], event.shiftKey);
  document.querySelector(`input[name=keys][value=${what}]`).checked = true;
  moved(animal, what);
  draw();
}

// Experiments: each is done to all animals

// name: as it stands after "After"; text: what is told at once.
function experiment(id, name, act, text) {
  $(id).addEventListener("click", () => {
    page.animals.forEach((animal) => {
      act(animal);
      animal.note(name());
    });
    tell(text());
    draw();
  });
}

const dark_ms = () => Math.round(1000 * Number($("dark").value));
experiment("lights-out", () => "lights out", (animal) => animal.lights_out(dark_ms()), () =>
  `Lights out: for ${dark_ms()} ms no input cell fires; ${SCENE.after_dark}.`);
experiment("erase-activity", () => "erasing activity", (animal) => animal.erase_activity(), () =>
  "Erased: membranes, spikes and currents under way. The thresholds stay.");
if (reading) {
  experiment("erase-thresholds", () => "erasing thresholds", (animal) => animal.erase_thresholds(), () =>
    "Erased: what raises the thresholds. Membranes and spikes stay.");
  const frozen = () => page.animals[0].frozen !== null;
  const freezing = () => (frozen() ? "freezing thresholds" : "freeing thresholds");
  experiment("freeze", freezing, (animal) => animal.freeze(!animal.frozen), () => {
    press("freeze", frozen());
    return frozen() ? "The thresholds are held where they are." : "The thresholds move again.";
  });
}
$("second").addEventListener("click", () => {
  second_animal(page.animals.length < 2);
  tell(page.animals.length > 1 ? SCENE.second : "One animal.");
});
$("swap").addEventListener("click", () => {
  swap_states(...page.animals, $("part").value);
  page.animals.forEach((animal) => {
    animal.note("swapping states");
    if (animal.frozen) animal.freeze(true);
  });
  tell(`Exchanged between A and B: ${$("part").selectedOptions[0].textContent}.`);
  draw();
});
for (const [id, unit, name] of [["dark", " s"], ["noise", "", "changing noise"], ["silence", " %", "silencing"]]) {
  const shows = () => { $(`${id}-value`).textContent = $(id).value + unit; };
  $(id).addEventListener("input", () => {
    shows();
    if (id === "noise") page.animals.forEach((animal) => { animal.noise = Number($(id).value); });
    if (id === "silence") page.animals.forEach((animal) => animal.silence(Number($(id).value) / 100));
  });
  if (name) $(id).addEventListener("change", () => page.animals.forEach((animal) => animal.note(name)));
  shows();
}

// Buttons of time, the tour, and what stops the clock

$("play").addEventListener("click", () => play(!page.playing));
$("step").addEventListener("click", () => {
  play(false);
  advance_by(1);
  draw();
});
$("new").addEventListener("click", () => {
  new_episode(page.episode + page.animals.length);
  tell(SCENE.new_episode);
});
for (const [i, id] of ["show-a", "show-b"].entries()) {
  $(id).addEventListener("change", () => {
    page.shown = i;
    draw();
  });
}
$("shows-reading").addEventListener("change", () => draw());
for (const radio of document.querySelectorAll("input[name=keys]")) radio.addEventListener("change", () => draw());

const tour = Array.from(document.querySelectorAll("#tour li"));
let tour_step = 0;

function show_tour(number) {
  tour_step = Math.max(0, Math.min(tour.length - 1, number));
  tour.forEach((item, i) => { item.hidden = i !== tour_step; });
  $("tour-count").textContent = `Step ${tour_step + 1} of ${tour.length}`;
  $("tour-back").disabled = tour_step === 0;
  $("tour-next").disabled = tour_step === tour.length - 1;
}

$("tour-back").addEventListener("click", () => show_tour(tour_step - 1));
$("tour-next").addEventListener("click", () => show_tour(tour_step + 1));

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    page.resumes = page.playing;
    play(false);
  } else if (page.resumes) {
    page.resumes = false;
    play(true);
  }
});
window.addEventListener("resize", () => draw());

scenes.forEach(drag);
show_tour(0);
new_episode(data.first);
if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) play(true);
