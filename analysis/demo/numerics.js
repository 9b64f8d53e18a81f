// Single-precision arithmetic as the compiled kernels do it. The functions of a neuron model, which are printed from
// its equations, call these by the names that they have in lsnn/kernels/.

const fround = Math.fround;

const absolute = Math.abs;
const sqrt = (x) => fround(Math.sqrt(x));
const log = (x) => fround(Math.log(x)); // log, sin and cos: exact here, up to an ulp beside it in the kernels
const sin = (x) => fround(Math.sin(x));
const cos = (x) => fround(Math.cos(x));
const clip = (x, low, high) => (x < low ? low : high < x ? high : x);

const doubles = new Float64Array(1), halves = new Uint32Array(doubles.buffer);
doubles[0] = 1; // the sign and exponent of 1 are not zero: they tell which half is the lower one
const LOWER = halves[0] === 0 ? 0 : 1;

// a * b + c of single-precision numbers, rounded once. The product is exact in double precision. The sum is rounded to
// odd there (Boldo & Melquiond 2008), so that the second rounding, to single precision, decides as the exact sum would.
function multiply_add(a, b, c) {
  const product = a * b, sum = product + c;
  const share = sum - product, rest = product - (sum - share) + (c - share); // sum + rest is exact (Knuth's TwoSum)
  if (rest === 0 || rest !== rest) return fround(sum);
  doubles[0] = sum;
  if (halves[LOWER] & 1) return fround(sum);
  const away = rest > 0 === sum > 0; // whether the exact sum lies farther from 0
  if (away) halves[LOWER] |= 1;
  else {
    if (halves[LOWER] === 0) halves[1 - LOWER] -= 1;
    halves[LOWER] -= 1;
  }
  return fround(doubles[0]);
}

// The nearest whole number, ties to the even one.
const rint = (x) => x + 6755399441055744 - 6755399441055744;

const INVERSE_LN2 = fround(1 / Math.log(2)), LN2_MINUS = [fround(-0.693359375), fround(2.1219444e-4)];
const TERMS = [5040, 720, 120, 24, 6, 2, 1, 1].map((factorial) => fround(1 / factorial));

// e to the power of x: 2**n times the series of exp(r), |r| <= ln(2)/2.
function exp(x) {
  x = clip(x, -87, 87);
  const n = rint(fround(x * INVERSE_LN2));
  let r = x;
  for (const part of LN2_MINUS) r = multiply_add(n, part, r);
  let series = TERMS[0];
  for (let k = 1; k < TERMS.length; k++) series = multiply_add(series, r, TERMS[k]);
  return fround(series * 2 ** n);
}

const tanh = (x) => fround(1 - fround(2 / fround(exp(fround(x * 2)) + 1)));

const factorial = (k) => (k < 2 ? 1 : k * factorial(k - 1));
const FALLING = Array.from({ length: 15 }, (_, i) => 14 - i);
const SERIES = FALLING.map((k) => fround(1 / factorial(k + 1)));
const SLOPE_SERIES = FALLING.map((k) => fround((k + 1) / factorial(k + 2)));

function power_series(x, coefficients) {
  let sum = 0;
  for (const coefficient of coefficients) sum = fround(fround(sum * x) + coefficient);
  return sum;
}

// (exp(x) - 1)/x, and its derivative.
const exprel = (x) => (Math.abs(x) < 0.5 ? power_series(x, SERIES) : fround(fround(exp(x) - 1) / x));
const exprel_slope = (x) =>
  Math.abs(x) < 0.5 ? power_series(x, SLOPE_SERIES) : fround(fround(exp(x) - exprel(x)) / x);

// What the loop over neurons needs. A truth value is the bit that one of the kernels' eight lanes has.
const at = (array, index) => array[index];
const load = at;
const store = (array, index, value) => { array[index] = value; };
const to_bits = (truth) => (truth ? 1 : 0);
const from_bits = (bit) => bit !== 0;
const count_refractory = (left, spike, steps) => (spike ? steps - 1 : left > 0 ? left - 1 : 0);

// The current that reaches neuron k now; its places in the delay ring are cleared.
function arriving(pending, slot, ring, n_neurons, k) {
  const early = slot * n_neurons + k, late = (slot + ring) * n_neurons + k;
  const current = fround(pending[early] + pending[late]);
  pending[early] = 0;
  pending[late] = 0;
  return current;
}
