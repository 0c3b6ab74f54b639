import { VisuallyHidden } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import type { SqlResult } from "~/api/sql";
import { sqlStrings } from "~/strings/sql";
import { shortType } from "./completion";
import { moved, type Place } from "./grid";
import classes from "./sql.module.css";
import { ValueDialog } from "./ValueDialog";
import { folded, isNumeric, kindOf, textOf, widths } from "./values";

const s = sqlStrings;

/** Of a row, in rem: all are alike, so that thousands need no measuring. */
const rowHeight = 2;

/** The rows of a result, of which those in sight are drawn. The focus stays on the whole; the keys move within it. */
export function ResultTable({ result: { columns, rows } }: { result: SqlResult }) {
  const view = useRef<HTMLDivElement>(null);
  const id = useId();
  const [active, setActive] = useState<Place>({ row: 0, column: 0 });
  const [open, setOpen] = useState<Place>();
  const [rem] = useState(() => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => view.current,
    estimateSize: () => rowHeight * rem,
    overscan: 12,
  });
  const template = useMemo(() => {
    const all = widths(columns, rows).map((width) => `calc(${width}ch + 1.5rem)`);
    const last = all.pop();
    return [`calc(${String(rows.length).length}ch + 1.4rem)`, ...all, `minmax(${last}, 1fr)`].join(" ");
  }, [columns, rows]);
  const cellId = ({ row, column }: Place) => `${id}-${row}-${column}`;

  const items = virtual.getVirtualItems();
  const drawn = items.some(({ index }) => index === active.row);
  const go = (place: Place) => {
    setActive(place);
    virtual.scrollToIndex(place.row, { align: "auto" });
  };
  useEffect(() => {
    document.getElementById(`${id}-${active.row}-${active.column}`)?.scrollIntoView({
      block: "nearest",
      inline: "nearest",
    });
  }, [active, id]);

  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((view.current?.clientHeight ?? 0) / (rowHeight * rem)) - 2);
    const place = moved(active, event, rows.length, columns.length, page);
    if (place) {
      event.preventDefault();
      go(place);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      setOpen(active);
    }
  };

  const cell = (place: Place) => {
    const type = columns[place.column]?.type ?? "";
    const value = rows[place.row]?.[place.column];
    const kind = kindOf(value, type);
    const { line, more } = folded(textOf(value, type));
    const here = place.row === active.row && place.column === active.column;
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the grid
      // biome-ignore lint/a11y/useFocusableInteractive: the focus stays on the grid
      // biome-ignore lint/a11y/useSemanticElements: only rows in sight are drawn, each at its place
      <div
        key={place.column}
        id={cellId(place)}
        role="gridcell"
        aria-colindex={place.column + 2}
        className={classes.cell}
        data-kind={kind}
        data-number={isNumeric(type) || undefined}
        data-active={here || undefined}
        data-more={more || undefined}
        onClick={() => {
          setActive(place);
          if (more || kind === "json") {
            setOpen(place);
          }
        }}
        onDoubleClick={() => setOpen(place)}
      >
        {kind === "null" ? s.null : kind === "empty" ? s.emptyText : line}
      </div>
    );
  };

  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div
        ref={view}
        className={classes.grid}
        role="grid"
        tabIndex={0}
        aria-label={s.grid(s.rows(rows.length))}
        aria-rowcount={rows.length + 1}
        aria-colcount={columns.length + 1}
        aria-activedescendant={drawn ? cellId(active) : undefined}
        onKeyDown={onKeyDown}
      >
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: as above */}
        <div role="row" aria-rowindex={1} className={classes.head} style={{ gridTemplateColumns: template }}>
          {/* biome-ignore lint/a11y/useSemanticElements: as above */}
          {/* biome-ignore lint/a11y/useFocusableInteractive: as above */}
          <div role="columnheader" aria-colindex={1} className={classes.number}>
            <span aria-hidden>#</span>
            <VisuallyHidden>{s.number}</VisuallyHidden>
          </div>
          {columns.map(({ name, type }, i) => (
            // biome-ignore lint/a11y/useSemanticElements: as above
            // biome-ignore lint/a11y/useFocusableInteractive: as above
            <div
              // biome-ignore lint/suspicious/noArrayIndexKey: names may be there twice
              key={i}
              role="columnheader"
              aria-colindex={i + 2}
              className={classes.headCell}
              data-number={isNumeric(type) || undefined}
              title={`${name} ${type}`}
            >
              <span>{name}</span>
              <span className={classes.type}>{shortType(type)}</span>
            </div>
          ))}
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        <div role="rowgroup" className={classes.rows} style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start, size }) => (
            // biome-ignore lint/a11y/useSemanticElements: as above
            // biome-ignore lint/a11y/useFocusableInteractive: as above
            <div
              key={index}
              role="row"
              aria-rowindex={index + 2}
              className={classes.row}
              style={{ gridTemplateColumns: template, height: size, transform: `translateY(${start}px)` }}
            >
              {/* biome-ignore lint/a11y/useSemanticElements: as above */}
              {/* biome-ignore lint/a11y/useFocusableInteractive: as above */}
              <div role="rowheader" aria-colindex={1} className={classes.number}>
                {index + 1}
              </div>
              {columns.map((_, column) => cell({ row: index, column }))}
            </div>
          ))}
        </div>
      </div>
      {open && (
        <ValueDialog
          column={columns[open.column]}
          row={open.row}
          value={rows[open.row]?.[open.column]}
          onClose={() => {
            setOpen(undefined);
            view.current?.focus({ preventScroll: true });
          }}
        />
      )}
    </>
  );
}
