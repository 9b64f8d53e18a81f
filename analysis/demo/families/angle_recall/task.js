// Angle recall (tasks/angle_recall/task.py), in double precision.

const [STEP_OF_TRIAL, PART, ANGLE, DARK, N_STATE] = Array(5).keys();
const [SHOWN, WAITING, RECALL, OVER] = Array(4).keys(); // parts of a trial
const [SHOW_STEPS, DARK_MIN, DARK_MAX, CUE_STEPS, ANSWER_STEPS] = Array(5).keys();

function part_of(step, p, dark) {
  const cue = p[SHOW_STEPS] + dark;
  if (step < p[SHOW_STEPS]) return SHOWN;
  if (step < cue) return WAITING;
  return step < cue + p[CUE_STEPS] ? RECALL : OVER;
}

// The angle, and how long it has to be kept.
function begin(key, p) {
  const stepped = step_key(key, 0, TASK_EPISODE), state = new Float64Array(N_STATE);
  state[ANGLE] = 2 * Math.PI * uniform_of(stepped, 0);
  state[DARK] = p[DARK_MIN] + Math.floor(uniform_of(stepped, 1) * (p[DARK_MAX] - p[DARK_MIN] + 1));
  return state;
}

// Cosine and sine of the angle while it is shown, else 0 and 0; whether the cue is up.
function observe(state) {
  const shown = state[PART] === SHOWN;
  return [shown ? Math.cos(state[ANGLE]) : 0, shown ? Math.sin(state[ANGLE]) : 0, state[PART] === RECALL ? 1 : 0];
}

// Move the state through step t; the answer [x, y] at the last step of the cue, else null.
function transition(key, t, answer, p, state) {
  const before = state[PART];
  state[STEP_OF_TRIAL] += 1;
  state[PART] = part_of(state[STEP_OF_TRIAL], p, state[DARK]);
  return before === RECALL && state[PART] === OVER ? Array.from(answer.slice(0, 2)) : null;
}

// The readout is the answer.
const TASK = { begin, observe, transition, action: (y) => y };
