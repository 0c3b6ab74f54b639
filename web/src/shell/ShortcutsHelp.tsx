import { Kbd, Modal } from "@mantine/core";
import { strings } from "~/strings";
import classes from "./palette.module.css";
import { help, keyNames } from "./shortcuts";

/** All keyboard shortcuts. */
export default function ShortcutsHelp({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title={strings.shortcuts.title} size="md" centered>
      {help.map(({ title, lines }) => (
        <section key={title} className={classes.help}>
          <h3>{title}</h3>
          <dl>
            {lines.map(({ keys, label }) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>
                  {keyNames(keys).map((name) => (
                    <Kbd key={name}>{name}</Kbd>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Modal>
  );
}
