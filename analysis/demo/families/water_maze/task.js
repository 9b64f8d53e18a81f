// The water maze (tasks/water_maze/dynamics.py), in double precision.

// The state (from COUNT on with several platforms alone), and the parameters of the task.
const [X, Y, ON_PLATFORM, WALL, PLATFORM_X, PLATFORM_Y, WAIT, TRIAL, FOUND, OTHER_X, OTHER_Y, ROTATION, START_RADIUS,
  RADIUS, REST, REVERSAL, DARK, COUNT, GOAL, CUE, SEEN, SINCE, PLACES] = Array(23).keys();
const [RADIUS_LOW, RADIUS_HIGH, PLATFORM_CIRCLE, ANYWHERE, ARC_START, ARC_LENGTH, START_RADIUS_LOW, START_RADIUS_HIGH,
  MAX_ROTATION, SPEED, REWARD, WALL_PENALTY, REST_LOW, REST_HIGH, DARK_LOW, DARK_HIGH, REVERSAL_LOW, REVERSAL_HIGH,
  PROBE_STEP, REST_EACH_TRIAL, NO_DARK, PLATFORMS_LOW, PLATFORMS_HIGH, CUE_STEPS,
  DISTINCT] = Array(25).keys();
const N_STATE = COUNT, MOST_PLATFORMS = 4, N_STATE_MANY = PLACES + 2 * MOST_PLATFORMS, MOST_DRAWS = 64;
const ALONG = 0.6180339887498949, OUT = 0.7548776662466927;

function at_shares(along, out, p) {
  const angle = p[ARC_START] + p[ARC_LENGTH] * along;
  const radius = p[PLATFORM_CIRCLE] * (p[ANYWHERE] > 0 ? Math.sqrt(out) : 1);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

const platform_place = (stepped, index, p) => at_shares(uniform_of(stepped, index), uniform_of(stepped, index + 1), p);

// One of so many places, the same in every episode.
function distinct_place(key, p) {
  const number = Math.floor(p[DISTINCT] * uniform_of(step_key(key, 0, TASK_PAUSE), 6));
  const along = 0.5 + number * ALONG, out = 0.5 + number * OUT;
  return at_shares(along - Math.floor(along), out - Math.floor(out), p);
}

const whole_between = (low, high, uniform) => low + Math.floor((high - low + 1) * uniform);
const between = (low, high, uniform) => low + (high - low) * uniform;

function reversed_place(key, x, y, radius, p) {
  const stepped = step_key(key, 1, TASK_EPISODE);
  let place = [x, y];
  for (let draw = 0; draw < MOST_DRAWS; draw++) {
    place = platform_place(stepped, 2 * draw, p);
    if (Math.hypot(place[0] - x, place[1] - y) > 2 * radius) break;
  }
  return place;
}

const many = (state) => state.length === N_STATE_MANY;

// How many platforms there are, and where: each touches none before it.
function place_all(key, p, state) {
  state[COUNT] = whole_between(p[PLATFORMS_LOW], p[PLATFORMS_HIGH], uniform_of(step_key(key, 0, TASK_PAUSE), 4));
  [state[PLACES], state[PLACES + 1]] = [state[PLATFORM_X], state[PLATFORM_Y]];
  for (let platform = 1; platform < state[COUNT]; platform++) {
    const stepped = step_key(key, 1 + platform, TASK_EPISODE), place = PLACES + 2 * platform;
    for (let draw = 0; draw < MOST_DRAWS; draw++) {
      const [x, y] = [state[place], state[place + 1]] = platform_place(stepped, 2 * draw, p);
      let nearest = Infinity;
      for (let other = PLACES; other < place; other += 2) {
        nearest = Math.min(nearest, Math.hypot(x - state[other], y - state[other + 1]));
      }
      if (nearest > 2 * state[RADIUS]) break;
    }
  }
}

// The platform of the trial that begins, and its cue.
function announce(key, state) {
  const goal = Math.floor(state[COUNT] * uniform_of(step_key(key, state[TRIAL], TASK_PAUSE), 3));
  const turned = Math.floor(MOST_PLATFORMS * uniform_of(step_key(key, 0, TASK_PAUSE), 5)), place = PLACES + 2 * goal;
  [state[GOAL], state[CUE]] = [goal, (goal + turned) % MOST_PLATFORMS];
  [state[PLATFORM_X], state[PLATFORM_Y]] = [state[OTHER_X], state[OTHER_Y]] = [state[place], state[place + 1]];
  [state[FOUND], state[SINCE]] = [(state[SEEN] >> goal) & 1, 0];
}

// The animal at the start of its trial, uniform in the start region outside the platform.
function release(key, state) {
  const stepped = step_key(key, state[TRIAL], TASK_STEP);
  for (let draw = 0; draw < 2 * MOST_DRAWS; draw++) {
    const radius = (draw < MOST_DRAWS ? state[START_RADIUS] : 1) * Math.sqrt(uniform_of(stepped, 2 * draw));
    const angle = 2 * Math.PI * uniform_of(stepped, 2 * draw + 1);
    state[X] = radius * Math.cos(angle);
    state[Y] = radius * Math.sin(angle);
    const from_platform = Math.hypot(state[X] - state[PLATFORM_X], state[Y] - state[PLATFORM_Y]);
    const from_other = Math.hypot(state[X] - state[OTHER_X], state[Y] - state[OTHER_Y]);
    if (Math.min(from_platform, from_other) > state[RADIUS]) break;
  }
}

// The state before step 0.
function begin(key, p) {
  const stepped = step_key(key, 0, TASK_EPISODE);
  const state = new Float64Array(p[CUE_STEPS] > 0 ? N_STATE_MANY : N_STATE);
  [state[PLATFORM_X], state[PLATFORM_Y]] = p[DISTINCT] > 0 ? distinct_place(key, p) : platform_place(stepped, 0, p);
  state[START_RADIUS] = between(p[START_RADIUS_LOW], p[START_RADIUS_HIGH], uniform_of(stepped, 2));
  state[ROTATION] = p[MAX_ROTATION] * (2 * uniform_of(stepped, 3) - 1);
  state[RADIUS] = between(p[RADIUS_LOW], p[RADIUS_HIGH], uniform_of(stepped, 4));
  state[REST] = whole_between(p[REST_LOW], p[REST_HIGH], uniform_of(stepped, 5));
  state[REVERSAL] = whole_between(p[REVERSAL_LOW], p[REVERSAL_HIGH], uniform_of(stepped, 6));
  const place = [state[PLATFORM_X], state[PLATFORM_Y]];
  [state[OTHER_X], state[OTHER_Y]] = state[REVERSAL] >= 0 ? reversed_place(key, ...place, state[RADIUS], p) : place;
  if (many(state)) {
    place_all(key, p, state);
    announce(key, state);
  }
  release(key, state);
  return state;
}

// x, y, on-platform, wall contact; in the dark the corner (1, 1), which lies outside the pool, and no flag. With several
// platforms a flag a cue, up for so long after the release; on a platform reached before as well.
function observe(state, p) {
  const dark = state[WAIT] > 0 && state[ON_PLATFORM] === 0;
  const place = [dark ? 1 : state[X], dark ? 1 : state[Y], state[ON_PLATFORM], state[WALL]];
  if (!many(state)) return place;
  const shown = !dark && state[SINCE] < p[CUE_STEPS];
  return [...place, ...Array.from({ length: MOST_PLATFORMS }, (_, cue) => (shown && cue === state[CUE] ? 1 : 0))];
}

function velocity(action, p, state) {
  const scale = p[SPEED] / Math.max(1, Math.hypot(action[0], action[1]));
  const x = action[0] * scale, y = action[1] * scale;
  if (state[ROTATION] === 0) return [x, y];
  const cosine = Math.cos(state[ROTATION]), sine = Math.sin(state[ROTATION]);
  return [cosine * x - sine * y, sine * x + cosine * y];
}

// Move within the pool; a path that leaves it ends at the wall.
function advance(x, y, step_x, step_y) {
  const a = step_x * step_x + step_y * step_y, to_x = x + step_x, to_y = y + step_y;
  if (a === 0 || to_x * to_x + to_y * to_y <= 1) return [to_x, to_y, 0];
  const b = x * step_x + y * step_y, c = x * x + y * y - 1;
  const s = Math.min(1, (-b + Math.sqrt(Math.max(0, b * b - a * c))) / a);
  return [x + s * step_x, y + s * step_y, 1];
}

// Draw rest and dark of the pause after the present trial.
function draw_pause(key, p, state) {
  const stepped = step_key(key, state[TRIAL], TASK_PAUSE), low = p[DARK_LOW], high = p[DARK_HIGH];
  if (p[REST_EACH_TRIAL] > 0) state[REST] = whole_between(p[REST_LOW], p[REST_HIGH], uniform_of(stepped, 0));
  const dark = low < high ? low * (high / low) ** uniform_of(stepped, 1) : high;
  state[DARK] = uniform_of(stepped, 2) < p[NO_DARK] ? 0 : Math.floor(dark + 0.5);
}

function swim(key, t, action, p, state) {
  if (many(state)) state[SINCE] += 1;
  [state[X], state[Y], state[WALL]] = advance(state[X], state[Y], ...velocity(action, p, state));
  const distance = Math.hypot(state[X] - state[PLATFORM_X], state[Y] - state[PLATFORM_Y]);
  const gone = p[PROBE_STEP] >= 0 && p[PROBE_STEP] <= t;
  if (distance > state[RADIUS] || gone) return false;
  state[ON_PLATFORM] = 1;
  state[FOUND] = 1;
  if (many(state)) state[SEEN] |= 1 << state[GOAL];
  draw_pause(key, p, state);
  state[WAIT] = state[REST] + state[DARK];
  return true;
}

function rest(key, state) {
  state[WAIT] -= 1;
  state[WALL] = 0;
  state[ON_PLATFORM] = state[WAIT] > state[DARK] ? 1 : 0;
  if (state[WAIT] > 0) return;
  state[TRIAL] += 1;
  if (many(state)) announce(key, state);
  release(key, state);
}

// Move the state through step t; whether the platform was reached.
function transition(key, t, action, p, state) {
  const visit = state[WAIT] === 0 ? swim(key, t, action, p, state) : rest(key, state) || false;
  if (t + 1 === state[REVERSAL]) {
    [state[PLATFORM_X], state[OTHER_X]] = [state[OTHER_X], state[PLATFORM_X]];
    [state[PLATFORM_Y], state[OTHER_Y]] = [state[OTHER_Y], state[PLATFORM_Y]];
    state[FOUND] = 0;
  }
  return visit;
}

// Steps of a straight swim to the platform: the oracle's escape latency.
const straight_ms = (p, state) => Math.max(1, Math.ceil(
  (Math.hypot(state[X] - state[PLATFORM_X], state[Y] - state[PLATFORM_Y]) - state[RADIUS]) / p[SPEED] - 1e-9));

// The mean of the policy acts: the first two outputs.
const TASK = { begin, observe, transition, action: (y) => y };
