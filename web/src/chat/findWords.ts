// More would not be seen at once.
const most = 50;

/** Where some words stand in the text of an element, in its order, whatever their case. Words that run across elements are not found. */
export function findWords(root: Element, words: string[]): Range[] {
  const wanted = words.map((word) => word.toLowerCase()).filter((word) => word !== "");
  const ranges: Range[] = [];
  if (wanted.length === 0) {
    return ranges;
  }
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node && ranges.length < most; node = texts.nextNode()) {
    const text = (node.nodeValue ?? "").toLowerCase();
    // Lower case may be longer than what it is of, and places would be wrong.
    if (text.length !== node.nodeValue?.length) {
      continue;
    }
    const places = wanted.flatMap((word) => placesOf(word, text)).sort((a, b) => a.from - b.from);
    for (const { from, to } of places) {
      const range = document.createRange();
      range.setStart(node, from);
      range.setEnd(node, to);
      ranges.push(range);
    }
  }
  return ranges;
}

function placesOf(word: string, text: string): { from: number; to: number }[] {
  const places = [];
  for (let from = text.indexOf(word); from >= 0; from = text.indexOf(word, from + word.length)) {
    const to = from + word.length;
    if (!isLetter(text[from - 1]) && !isLetter(text[to])) {
      places.push({ from, to });
    }
  }
  return places;
}

const isLetter = (character: string | undefined) =>
  character !== undefined && /[\p{L}\p{N}]/u.test(character);
