// The two-armed bandit (tasks/bandit/task.py) and Thompson sampling beside it (tasks/bandit/baselines.py).

const [STEP_OF_TRIAL, TRIAL, LAST_ARM, LAST_REWARD, PAYS, N_STATE] = [0, 1, 2, 3, 4, 6]; // PAYS, PAYS + 1: of each arm
const [TRIAL_STEPS, TRIALS, KIND, REWARD, DRIFT, PAYS_BETTER, CALM, VOLATILE, BLOCK] = Array(9).keys();
const [INDEPENDENT, OPPOSED, RESTLESS, REVERSING] = Array(4).keys(); // kinds of arms
const ARMS = [0, 1], [BETTER, IS_VOLATILE] = [2, 3], REVERSES = 2, STEP_OF_FIRST = 2; // draws of an episode, of a trial

const opposed = (p) => p[KIND] === OPPOSED || p[KIND] === REVERSING;
const stays = (p) => p[KIND] === INDEPENDENT || p[KIND] === OPPOSED;

// What each arm pays is uniform in [0, 1), the second independent of the first or 1 minus it.
function begin(key, p) {
  const stepped = step_key(key, 0, TASK_EPISODE), state = new Float64Array(N_STATE);
  state[LAST_ARM] = -1;
  [state[PAYS], state[PAYS + 1]] = [uniform_of(stepped, 0), uniform_of(stepped, 1)];
  if (p[KIND] === REVERSING) state[PAYS] = uniform_of(stepped, BETTER) < 0.5 ? p[PAYS_BETTER] : 1 - p[PAYS_BETTER];
  if (opposed(p)) state[PAYS + 1] = 1 - state[PAYS];
  return state;
}

// Flags of the trial before: first arm paid, first did not, second paid, second did not.
function observe(state) {
  const flags = [0, 0, 0, 0];
  if (state[LAST_ARM] >= 0) flags[2 * state[LAST_ARM] + (state[LAST_REWARD] > 0 ? 0 : 1)] = 1;
  return flags;
}

// Whether an arm pays on a trial: the same luck for everybody.
const pays = (key, trial, arm, state) => uniform_of(step_key(key, trial, TASK_STEP), arm) < state[PAYS + arm];

// A number thrown back at 0 and 1.
function reflected(x) {
  const folded = Math.abs(x) % 2;
  return folded > 1 ? 2 - folded : folded;
}

// Change what the arms pay before the trial of the state: restless arms drift, reversing ones may change places.
function move_arms(key, p, state) {
  const trial = state[TRIAL], stepped = step_key(key, trial, TASK_STEP);
  if (p[KIND] === RESTLESS) {
    for (const arm of ARMS) {
      state[PAYS + arm] = reflected(state[PAYS + arm] + p[DRIFT] * normal_of(stepped, STEP_OF_FIRST + arm));
    }
  } else if (p[KIND] === REVERSING) {
    const block = step_key(key, Math.floor(trial / p[BLOCK]), TASK_EPISODE);
    const chance = uniform_of(block, IS_VOLATILE) < 0.5 ? p[VOLATILE] : p[CALM];
    if (uniform_of(stepped, REVERSES) < chance) {
      [state[PAYS], state[PAYS + 1]] = [state[PAYS + 1], state[PAYS]];
    }
  }
}

// Move the state through step t; the pull { arm, paid }, null before the last step of a trial.
function transition(key, t, arm, p, state) {
  if (state[STEP_OF_TRIAL] < p[TRIAL_STEPS] - 1 || state[TRIAL] >= p[TRIALS]) {
    state[STEP_OF_TRIAL] += 1;
    return null;
  }
  const paid = pays(key, state[TRIAL], arm, state);
  [state[LAST_ARM], state[LAST_REWARD], state[STEP_OF_TRIAL]] = [arm, paid ? 1 : 0, 0];
  state[TRIAL] += 1;
  move_arms(key, p, state);
  return { arm, paid };
}

// The policy's most likely arm: the greater of the first two outputs.
const TASK = { begin, observe, transition, action: (y) => (y[1] > y[0] ? 1 : 0) };

// Pulls the arm of the greater draw from the posterior of a uniform prior (Thompson 1933); for arms that stay.
class Thompson {
  constructor(key) {
    Object.assign(this, { key, won: [0, 0], lost: [0, 0] });
  }

  // A draw from Beta(won + 1, lost + 1): the (won + 1)-th smallest of won + lost + 1 uniform draws.
  believed(trial, arm) {
    const stepped = step_key(this.key, trial, BASELINE), count = this.won[arm] + this.lost[arm] + 1;
    const draws = Float64Array.from({ length: count }, (_, i) => uniform_of(stepped, arm * 1048576 + i));
    return draws.sort()[this.won[arm]];
  }

  // The arm that it pulls on a trial of a bandit in this state.
  pull(trial, state) {
    const [first, second] = ARMS.map((arm) => this.believed(trial, arm)), arm = first > second ? 0 : 1;
    (pays(this.key, trial, arm, state) ? this.won : this.lost)[arm] += 1;
    return arm;
  }
}
