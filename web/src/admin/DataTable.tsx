import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import { adminStrings } from "~/strings/admin";
import classes from "./admin.module.css";

export interface Column<Row> {
  label: string;
  /** Numbers are at the end of their column. */
  number?: boolean;
  cell: (row: Row) => ReactNode;
}

interface Props<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}

/** A plain table that scrolls sideways where there is little room. */
export function DataTable<Row>({ label, columns, rows, keyOf }: Props<Row>) {
  return (
    <Table.ScrollContainer
      className={classes.table}
      minWidth={0}
      type="native"
      tabIndex={0}
      role="region"
      aria-label={adminStrings.common.tableOf(label)}
    >
      <Table fz="sm" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ label: title, number }) => (
              <Table.Th key={title} ta={number ? "end" : undefined}>
                {title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={keyOf(row)}>
              {columns.map(({ label: title, number, cell }) => (
                <Table.Td key={title} ta={number ? "end" : undefined}>
                  {cell(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
