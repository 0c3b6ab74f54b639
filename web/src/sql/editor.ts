// The editor of queries: CodeMirror, put together.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { bracketMatching } from "@codemirror/language";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder, tooltips } from "@codemirror/view";
import type { SqlSchema } from "~/api/sql";
import { colours, sqlLanguage } from "./language";
import { look } from "./look";
import { marks, setMark } from "./marks";
import type { Range } from "./position";

export interface EditorOptions {
  text: string;
  label: string;
  /** How to run, and how to leave it by the keyboard: read out by screen readers. */
  description: string;
  placeholder: string;
  onChange: (text: string) => void;
  onRun: () => void;
}

/** What the page does to the editor. */
export interface Editor {
  /** The text to run, what is selected or else all, and where it begins. */
  runnable(): { text: string; from: number };
  /** Everything that is in it. */
  text(): string;
  /** Puts another text in its place; it can be undone. */
  replace(text: string): void;
  /** Puts a name where the cursor is, in place of what is selected. */
  insert(name: string): void;
  mark(range: Range | null): void;
  /** Puts the cursor there, and the focus. */
  goTo(index: number): void;
  focus(): void;
  setSchema(schema: SqlSchema): void;
  destroy(): void;
}

/**
 * Makes an editor within an element. It lives in a shadow tree: there, its styles are constructed style sheets. In the document itself they
 * would be a <style> element, which the content security policy forbids.
 */
export function createEditor(host: HTMLElement, options: EditorOptions): Editor {
  const root = host.shadowRoot ?? shadowOf(host);
  const language = new Compartment();
  const run = (from: EditorView) => {
    closeCompletion(from);
    options.onRun();
    return true;
  };
  const view = new EditorView({
    parent: root,
    root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run }])),
        keymap.of([
          { key: "Tab", run: (v) => acceptCompletion(v) || indentMore(v), shift: indentLess },
          ...closeBracketsKeymap,
          ...historyKeymap,
          ...defaultKeymap,
        ]),
        tabLeaves,
        typedOver,
        lineNumbers(),
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false, maxRenderedOptions: 60 }),
        tooltips({ position: "absolute" }),
        placeholder(options.placeholder),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({
          tabindex: "0",
          "aria-label": options.label,
          "aria-description": options.description,
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            options.onChange(update.state.doc.toString());
          }
        }),
        language.of(sqlLanguage()),
        colours,
        marks,
        look,
      ],
    }),
  });
  return {
    runnable() {
      const { from, to } = view.state.selection.main;
      const selected = view.state.sliceDoc(from, to);
      return selected.trim() === "" ? { text: view.state.doc.toString(), from: 0 } : { text: selected, from };
    },
    text: () => view.state.doc.toString(),
    replace(text) {
      const changes = { from: 0, to: view.state.doc.length, insert: text };
      view.dispatch({ changes, selection: { anchor: text.length }, userEvent: "input.replace" });
    },
    insert(name) {
      const { from } = view.state.selection.main;
      const before = view.state.sliceDoc(from - 1, from);
      // A name must not grow together with what is before it.
      const text = /[\p{L}\p{N}_,]/u.test(before) ? ` ${name}` : name;
      view.dispatch(view.state.replaceSelection(text), { userEvent: "input" });
      view.focus();
    },
    mark(range) {
      view.dispatch({ effects: setMark.of(range) });
    },
    goTo(index) {
      view.dispatch({ selection: { anchor: Math.min(index, view.state.doc.length) }, scrollIntoView: true });
      view.focus();
    },
    focus: () => view.focus(),
    setSchema(schema) {
      view.dispatch({ effects: language.reconfigure(sqlLanguage(schema)) });
    },
    destroy: () => view.destroy(),
  };
}

function shadowOf(host: HTMLElement): ShadowRoot {
  const root = host.attachShadow({ mode: "open" });
  // To the page's shortcuts everything in here comes from the host, which is no text field: without this "?" would open the help.
  root.addEventListener("keydown", (event) => {
    const { ctrlKey, metaKey, altKey } = event as KeyboardEvent;
    if (!ctrlKey && !metaKey && !altKey) {
      event.stopPropagation();
    }
  });
  return root;
}

/**
 * Typing over what is selected. Left to it, Chromium keeps the look of what was there in style attributes, which the content security
 * policy forbids and the browser then complains of.
 */
const typedOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    if (event.inputType !== "insertText" || event.data === null || empty || event.isComposing) {
      return false;
    }
    const insert = event.data;
    const plain = () => view.state.update(view.state.replaceSelection(insert), { userEvent: "input.type" });
    if (!view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, insert, plain))) {
      view.dispatch(plain());
    }
    event.preventDefault();
    return true;
  },
});

/** After Escape, Tab leaves the editor instead of indenting, for as long as nothing is typed. */
const tabLeaves = EditorView.domEventHandlers({
  keydown({ key }, view) {
    if (key === "Escape") {
      view.setTabFocusMode(true);
    } else if (key !== "Tab" && key !== "Shift") {
      view.setTabFocusMode(false);
    }
    return false;
  },
  blur(_, view) {
    view.setTabFocusMode(false);
    return false;
  },
});
