// Counter-based random draws (lsnn/kernels/draws.py): pure functions of (key, step, stream, index), by the finaliser of
// SplitMix64. A number of 64 bits is a pair of 32-bit halves, { high, low }.

const ENCODER = 0, TASK_EPISODE = 2, TASK_STEP = 3, BASELINE = 4, TASK_PAUSE = 6, PAGE_NOISE = 100; // streams

const GOLDEN = { high: 0x9e3779b9, low: 0x7f4a7c15 };
const STEP = { high: 0xd1342543, low: 0xde82ef95 };
const STREAM = { high: 0xa0761d64, low: 0x78bd642f };
const MIX_1 = { high: 0xbf58476d, low: 0x1ce4e5b9 };
const MIX_2 = { high: 0x94d049bb, low: 0x133111eb };

const pair = (number) => ({ high: Math.floor(number / 4294967296) >>> 0, low: number >>> 0 });

function add(a, b) {
  const low = a.low + b.low;
  return { high: (a.high + b.high + (low > 4294967295 ? 1 : 0)) >>> 0, low: low >>> 0 };
}

// The lower 64 bits of a product; the lower halves are multiplied in quarters of 16 bits.
function multiply(a, b) {
  const a0 = a.low & 65535, a1 = a.low >>> 16, b0 = b.low & 65535, b1 = b.low >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carried = (a0 * b1 + (middle & 65535)) >>> 16;
  const above = a1 * b1 + (middle >>> 16) + carried;
  return {
    high: (above + Math.imul(a.high, b.low) + Math.imul(a.low, b.high)) >>> 0,
    low: Math.imul(a.low, b.low) >>> 0,
  };
}

// x ^ (x >> bits), 0 < bits < 32.
const fold = (x, bits) => ({
  high: (x.high ^ (x.high >>> bits)) >>> 0,
  low: (x.low ^ ((x.low >>> bits) | (x.high << (32 - bits)))) >>> 0,
});

const mix = (x) => fold(multiply(fold(multiply(fold(x, 30), MIX_1), 27), MIX_2), 31);

// The key of all draws of one stream at one step.
const step_key = (key, step, stream) =>
  mix(add(add(key, multiply(pair(step), STEP)), multiply(pair(stream + 1), STREAM)));

// Draw `index` under a step key, uniform in [0, 1): the upper 53 of 64 bits.
function uniform_of(stepped, index) {
  const word = mix(add(stepped, multiply(pair(index + 1), GOLDEN)));
  return (word.high * 2097152 + (word.low >>> 11)) / 9007199254740992;
}

// Draw `index` under a step key, standard normal (Box & Muller 1958).
const normal_of = (stepped, index) =>
  Math.sqrt(-2 * Math.log(1 - uniform_of(stepped, 2 * index))) *
  Math.cos(2 * Math.PI * uniform_of(stepped, 2 * index + 1));
