/** The results as Markdown: a tick, or the number of a note, for each scenario and version. */
export function table(scenarios, clients, results) {
  const notes = [];
  const cell = (name, { version }) => {
    if (!(version in results[name])) {
      return "failed";
    }
    const note = results[name][version];
    if (note === undefined) {
      return "✓";
    }
    if (!notes.includes(note)) {
      notes.push(note);
    }
    return `✓ (${notes.indexOf(note) + 1})`;
  };
  const row = (cells) => `| ${cells.join(" | ")} |`;
  return [
    row(["", ...clients.map((client) => client.version)]),
    row(["---", ...clients.map(() => "---")]),
    ...scenarios.map((name) => row([name, ...clients.map((client) => cell(name, client))])),
    "",
    ...notes.map((note, i) => `${i + 1}. ${note}`),
  ].join("\n");
}
