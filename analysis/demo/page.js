// The page: its clock, its buttons and keys, and the numbers that it tells.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const { network, task } = unpacked(data, MODELS);
const keys = data.keys, scale = floats(data.scale);
const populations = Array.from(new Int8Array(bytes_of(data.populations).buffer));
const reading = data.reading && {
  ...data.reading, slots: integers(data.reading.slots), weight: floats(data.reading.weight),
  sorted: Array.from(integers(data.reading.sorted)),
};

const page = {
  swimmers: [], histories: [], maze: 0, shown: 0, playing: false, owed: 0, last: null, frames: 0, computed_ms: 0,
  computed_in: 0,
};

const names = ["A", "B"];
const pools = [$("pool-a"), $("pool-b")];
const speed = () => Number($("speed").value);

function tell(text) {
  $("told").textContent = text;
}

// Mazes and animals

function settings_of(swimmer) {
  swimmer.noise = Number($("noise").value);
  swimmer.silence(Number($("silence").value) / 100);
  if ($("freeze").getAttribute("aria-pressed") === "true") swimmer.freeze(true);
}

function new_swimmer(maze, clock) {
  const swimmer = new Swimmer(network, task, keys[maze % keys.length], clock);
  settings_of(swimmer);
  return swimmer;
}

function new_maze(number) {
  const count = Math.max(1, page.swimmers.length);
  page.maze = number;
  $("freeze").setAttribute("aria-pressed", "false");
  page.swimmers = Array.from({ length: count }, (_, i) => new_swimmer(number + i, 0));
  page.histories = page.swimmers.map(() => new History(reading));
  draw();
}

function second_animal(wanted) {
  if (wanted === page.swimmers.length > 1) return;
  if (wanted) {
    page.swimmers.push(new_swimmer(page.maze + 1, page.swimmers[0].animal.t));
    page.histories.push(new History(reading));
  } else {
    page.swimmers.pop();
    page.histories.pop();
    page.shown = 0;
    $("show-a").checked = true;
  }
  $("second").setAttribute("aria-pressed", String(wanted));
  $("second-pool").hidden = !wanted;
  $("which").hidden = !wanted;
  $("swap").disabled = !wanted;
  draw();
}

// Time

function advance_by(steps) {
  const began = performance.now();
  let done = 0;
  for (; done < steps; done++) {
    page.swimmers.forEach((swimmer, i) => {
      const event = swimmer.step(scale);
      page.histories[i].add(swimmer.animal, event === "visit");
      if (event === "visit") announce(swimmer, i);
    });
    if (done % 16 === 15 && performance.now() - began > 12) { // the rest of a frame is for drawing
      done++;
      break;
    }
  }
  page.computed_ms += done * page.swimmers.length;
  page.computed_in += performance.now() - began;
  return done;
}

function announce(swimmer, i) {
  const { latency, oracle } = swimmer.trials.at(-1);
  const who = page.swimmers.length > 1 ? `Animal ${names[i]}, trial` : "Trial";
  tell(`${who} ${swimmer.trials.length}: found after ${latency} ms; a straight swim takes ${oracle} ms.`);
}

function frame(now) {
  if (!page.playing) return;
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
  $("play").setAttribute("aria-pressed", String(on));
  if (on) requestAnimationFrame(frame);
  else if (page.swimmers.length) draw();
}

// Drawing and numbers

const CHARTS_EVERY = 3; // frames

function draw(charts = true) {
  page.swimmers.forEach((swimmer, i) => {
    const selected = document.activeElement === pools[i] ? moved_by_keys() : null;
    draw_pool(pools[i], swimmer, reading, $("heat").checked, selected);
  });
  const swimmer = page.swimmers[page.shown], history = page.histories[page.shown], { t } = swimmer.animal;
  tell_numbers(swimmer, t);
  if (!charts) return;
  draw_raster($("raster"), history, populations, data.population_names, t);
  if (reading) draw_thresholds($("thresholds"), history, t);
  draw_latencies($("latencies"), swimmer);
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function tell_numbers(swimmer, t) {
  const { trials } = swimmer, { maze } = swimmer.animal, last = trials.at(-1), recent = trials.slice(1).slice(-10);
  const rests = swimmer.dark ? "in the dark" : maze[ON_PLATFORM] ? "on the platform" : null;
  const rate = Math.round((1000 * page.computed_ms) / page.computed_in);
  const numbers = {
    time: `${t} ms`, phase: rests || `searching for ${swimmer.searching} ms`, visits: trials.length,
    "last-latency": last ? `${last.latency} ms` : "–",
    oracle: last ? `${last.oracle} ms` : "–",
    median: recent.length ? `${median(recent.map((trial) => trial.latency))} ms` : "–",
    rate: page.computed_in ? `${rate} ms of network a second` : "–",
  };
  if (reading) {
    const place = read_place(reading, swimmer.animal.state);
    const wrong = Math.hypot(place.x - maze[PLATFORM_X], place.y - maze[PLATFORM_Y]);
    const [x, y, far] = [place.x, place.y, wrong].map((length) => length.toFixed(2));
    numbers.decoded = `(${x}, ${y}), ${far} pool radii from the platform`;
  }
  for (const [id, value] of Object.entries(numbers)) if ($(id)) $(id).textContent = value;
  $("platform-place").textContent = `(${maze[PLATFORM_X].toFixed(2)}, ${maze[PLATFORM_Y].toFixed(2)})`;
}

// Dragging, and the same by keys

const moved_by_keys = () => ($("keys-animal").checked ? "animal" : "platform");

function drag(canvas, number) {
  let what = null, offset = [0, 0];
  const place_of = (event) => {
    const box = canvas.getBoundingClientRect();
    return pool_scale(canvas).to_pool(event.clientX - box.left, event.clientY - box.top);
  };
  const move = (event) => {
    const [x, y] = place_of(event), swimmer = page.swimmers[number];
    if (what === "platform") swimmer.move_platform(x - offset[0], y - offset[1]);
    else swimmer.set_down(x, y);
    draw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    const swimmer = page.swimmers[number], { maze } = swimmer.animal, [x, y] = place_of(event);
    if (Math.hypot(x, y) > 1.05) return;
    offset = [x - maze[PLATFORM_X], y - maze[PLATFORM_Y]];
    const near = Math.hypot(x - maze[X], y - maze[Y]) < 0.08 && !swimmer.dark;
    what = !near && Math.hypot(...offset) <= maze[RADIUS] ? "platform" : "animal";
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    page.held = page.playing;
    play(false);
    if (what === "animal") move(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (what) move(event); });
  const drop = (event) => {
    if (!what) return;
    moved(number, what);
    what = null;
    if (page.held) play(true);
    event.preventDefault();
  };
  canvas.addEventListener("pointerup", drop);
  canvas.addEventListener("pointercancel", drop);
  canvas.addEventListener("keydown", (event) => key_moves(event, number));
  for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => draw());
}

function moved(number, what) {
  const swimmer = page.swimmers[number], { maze } = swimmer.animal;
  swimmer.note(`${what} moved`);
  const place = what === "platform" ? [maze[PLATFORM_X], maze[PLATFORM_Y]] : [maze[X], maze[Y]];
  tell(`The ${what} is now at (${place.map((c) => c.toFixed(2)).join(", ")}).`);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function key_moves(event, number) {
  if (event.key === " ") {
    event.preventDefault();
    play(!page.playing);
  }
  if (!(event.key in ARROWS)) return;
  event.preventDefault();
  const [x, y] = ARROWS[event.key].map((way) => way * (event.shiftKey ? 0.02 : 0.1)), swimmer = page.swimmers[number];
  const { maze } = swimmer.animal, what = moved_by_keys();
  if (what === "platform") swimmer.move_platform(maze[PLATFORM_X] + x, maze[PLATFORM_Y] + y);
  else swimmer.set_down(maze[X] + x, maze[Y] + y);
  moved(number, what);
  draw();
}

// Experiments: each is done to all animals

function experiment(id, act, text) {
  $(id).addEventListener("click", () => {
    page.swimmers.forEach((swimmer) => {
      act(swimmer);
      swimmer.note(id);
    });
    tell(text());
    draw();
  });
}

const dark_ms = () => Math.round(1000 * Number($("dark").value));
experiment("lights-out", (swimmer) => swimmer.lights_out(dark_ms()), () =>
  `Lights out: for ${dark_ms()} ms no input cell fires; then the animal is set down.`);
experiment("erase-activity", (swimmer) => swimmer.erase_activity(), () =>
  "Erased: membranes, spikes and currents under way. The thresholds stay.");
if (reading) {
  experiment("erase-thresholds", (swimmer) => swimmer.erase_thresholds(), () =>
    "Erased: what raises the thresholds. Membranes and spikes stay.");
  experiment("freeze", (swimmer) => swimmer.freeze(!swimmer.frozen), () => {
    const frozen = page.swimmers[0].frozen !== null;
    $("freeze").setAttribute("aria-pressed", String(frozen));
    return frozen ? "The thresholds are held where they are." : "The thresholds move again.";
  });
}
$("second").addEventListener("click", () => {
  second_animal(page.swimmers.length < 2);
  tell(page.swimmers.length > 1 ? "A second animal swims in a pool of its own." : "One animal.");
});
$("swap").addEventListener("click", () => {
  swap_states(...page.swimmers, $("part").value);
  page.swimmers.forEach((swimmer) => {
    swimmer.note("swap");
    if (swimmer.frozen) swimmer.freeze(true);
  });
  tell(`Exchanged between A and B: ${$("part").selectedOptions[0].textContent}.`);
  draw();
});
for (const [id, unit] of [["dark", " s"], ["noise", ""], ["silence", " %"]]) {
  const shows = () => { $(`${id}-value`).textContent = $(id).value + unit; };
  $(id).addEventListener("input", () => {
    shows();
    if (id === "noise") page.swimmers.forEach((swimmer) => { swimmer.noise = Number($(id).value); });
    if (id === "silence") page.swimmers.forEach((swimmer) => swimmer.silence(Number($(id).value) / 100));
  });
  $(id).addEventListener("change", () => page.swimmers.forEach((swimmer) => swimmer.note(id)));
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
  new_maze(page.maze + page.swimmers.length);
  tell("A new maze: its platform lies elsewhere, and the state starts from rest.");
});
for (const [i, id] of ["show-a", "show-b"].entries()) {
  $(id).addEventListener("change", () => {
    page.shown = i;
    draw();
  });
}
$("heat").addEventListener("change", () => draw());

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

pools.forEach(drag);
show_tour(0);
new_maze(0);
if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) play(true);
