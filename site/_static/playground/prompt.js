// @ts-check
/** A prompt as the scale models read it; the same rules as `t2v_helpers.models.request`. */

/**
 * Lower case, one space between words, no mark at a word's end but commas.
 * @param {string} prompt
 */
export function plain(prompt) {
  const clauses = prompt.normalize("NFC").toLowerCase().split(",");
  const words = clauses.map((clause) => clause.split(/\s+/).map((word) => word.replace(/[.!?]+$/, "")));
  return words.map((clause) => clause.filter(Boolean).join(" ")).filter(Boolean).join(", ");
}

/**
 * @typedef {object} Vocabulary
 * @property {Record<string, number[]>} words each known word, and the comma, with its tokens
 * @property {number[]} start marks before the words @property {number[]} end marks behind them
 * @property {number} pad what fills the rest @property {number} length how many tokens are read
 */

/**
 * The tokens of a prompt; of "" those of the prompt without words.
 * @param {string} prompt @param {Vocabulary} vocabulary
 * @returns {BigInt64Array}
 * @throws {Error} a word is unknown or there are too many: one line for the reader
 */
export function tokens(prompt, vocabulary) {
  const words = plain(prompt).replaceAll(",", " ,").split(" ").filter(Boolean);
  const known = Object.keys(vocabulary.words).filter((word) => word !== ",");
  const unknown = [...new Set(words.filter((word) => !Object.hasOwn(vocabulary.words, word)))];
  if (unknown.length) {
    const said = unknown.map((word) => `“${word}”`).join(", ");
    throw new Error(`The scale model does not know ${said}. It knows these ${known.length} words: ${known.join(", ")}.`);
  }
  const ids = words.flatMap((word) => vocabulary.words[word]);
  const { start, end, pad, length } = vocabulary;
  const room = length - start.length - end.length;
  if (ids.length > room) throw new Error(`The prompt has ${ids.length} tokens; the scale model reads ${room}.`);
  const row = [...start, ...ids, ...end];
  return BigInt64Array.from([...row, ...Array(length - row.length).fill(pad)], BigInt);
}
