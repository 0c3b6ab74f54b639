import { type Extension, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import type { Range } from "./position";

/** Marks a part as wrong; null takes the mark away. */
export const setMark = StateEffect.define<Range | null>();

const wrong = Decoration.mark({ class: "tb-wrong" });

/** The place of what the server complained of. Any change takes the mark away: what it says may be true no more. */
export const marks: Extension = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(old, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setMark)) {
        const { from, to } = effect.value ?? { from: 0, to: 0 };
        return from < to ? Decoration.set([wrong.range(from, to)]) : Decoration.none;
      }
    }
    return transaction.docChanged ? Decoration.none : old;
  },
  provide: (field) => EditorView.decorations.from(field),
});
