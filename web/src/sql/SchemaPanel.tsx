import { ActionIcon, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconChevronRight, IconTable } from "@tabler/icons-react";
import { useId, useState } from "react";
import type { SqlSchema, SqlTable } from "~/api/sql";
import { sqlStrings } from "~/strings/sql";
import { shortType } from "./completion";
import classes from "./sql.module.css";

const s = sqlStrings;

interface Props {
  schema: SqlSchema;
  onInsert: (name: string) => void;
}

/** The tables and their columns. A click on a name puts it into the query. */
export function SchemaPanel({ schema, onInsert }: Props) {
  return (
    <>
      <Text size="xs" c="dimmed" mb="xs">
        {s.tablesHint}
      </Text>
      <ul className={classes.tables}>
        {schema.tables.map((table) => (
          <Table key={table.name} table={table} onInsert={onInsert} />
        ))}
      </ul>
    </>
  );
}

function Table({ table, onInsert }: { table: SqlTable; onInsert: (name: string) => void }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const { name, comment, columns } = table;
  return (
    <li>
      <div className={classes.table}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={28}
          aria-label={s.columnsOf(name)}
          aria-expanded={open}
          aria-controls={open ? id : undefined}
          onClick={() => setOpen(!open)}
        >
          <IconChevronRight size={16} className={classes.chevron} data-open={open || undefined} />
        </ActionIcon>
        <Tooltip label={comment} disabled={comment === ""} openDelay={400} multiline maw={280}>
          <UnstyledButton className={classes.name} aria-label={s.insert(name)} onClick={() => onInsert(name)}>
            <IconTable size={15} aria-hidden />
            <span>{name}</span>
          </UnstyledButton>
        </Tooltip>
      </div>
      {open && (
        <div id={id} className={classes.columns}>
          {comment !== "" && <p>{comment}</p>}
          <ul>
            {columns.map((column) => (
              <li key={column.name}>
                <UnstyledButton
                  className={classes.column}
                  aria-label={s.insertColumn(column.name, name)}
                  onClick={() => onInsert(column.name)}
                >
                  {column.name}
                </UnstyledButton>
                <span className={classes.type}>
                  {shortType(column.type)}
                  {column.nullable && <span title={s.nullable}>?</span>}
                </span>
                {column.comment !== "" && <span className={classes.comment}>{column.comment}</span>}
              </li>
            ))}
          </ul>
        </div>
      )}
    </li>
  );
}
