// @ts-check
/** Torch's random numbers on a CPU: the Mersenne Twister, and its normal numbers in blocks of 16. */

const SIZE = 624;
const BLOCK = 16;

/** MT19937 (Matsumoto and Nishimura 1998), seeded as `torch.Generator().manual_seed(seed)` seeds it. */
export class Generator {
  /** @param {bigint | number} seed from 0; only its lowest 32 bits count, as in torch */
  constructor(seed) {
    this.state = new Uint32Array(SIZE);
    this.state[0] = Number(BigInt.asUintN(32, BigInt(seed)));
    for (let i = 1; i < SIZE; i++) {
      const last = this.state[i - 1];
      this.state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
    this.next = SIZE;
  }

  /** @returns {number} a whole number of 32 bits */
  random() {
    if (this.next === SIZE) this.#twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** @returns {number} in [0, 1), of 24 bits: what torch makes a float32 of */
  uniform() {
    return (this.random() & 0xffffff) / 0x1000000;
  }

  #twist() {
    const { state } = this;
    for (let i = 0; i < SIZE; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + 397) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}

/**
 * `torch.randn(count, generator=torch.Generator().manual_seed(seed))`, up to rounding.
 *
 * Torch draws all uniform numbers first, and turns each 16 of them into normal ones by the method of Box and Muller
 * (aten/src/ATen/native/cpu/DistributionTemplates.h). A rest below 16 gets 16 fresh ones, over the end.
 * @param {number} count at least 16; below that, torch takes another way
 * @param {bigint | number | Generator} seed or a generator, which goes on
 * @returns {Float32Array}
 */
export function randn(count, seed) {
  if (count < BLOCK) throw new RangeError(`count ${count}: expected at least ${BLOCK}`);
  const generator = seed instanceof Generator ? seed : new Generator(seed);
  const numbers = Float32Array.from({ length: count }, () => generator.uniform());
  for (let start = 0; start + BLOCK <= count; start += BLOCK) boxMuller(numbers.subarray(start, start + BLOCK));
  if (count % BLOCK) {
    const end = numbers.subarray(count - BLOCK);
    for (let i = 0; i < BLOCK; i++) end[i] = generator.uniform();
    boxMuller(end);
  }
  return numbers;
}

/** @param {Float32Array} block 16 uniform numbers, which become normal */
function boxMuller(block) {
  const half = BLOCK / 2;
  for (let i = 0; i < half; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - block[i]));
    const angle = 2 * Math.PI * block[i + half];
    block[i] = radius * Math.cos(angle);
    block[i + half] = radius * Math.sin(angle);
  }
}
