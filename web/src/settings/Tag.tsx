import { Badge } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  children: ReactNode;
  color?: "indigo" | "teal" | "gray" | "orange";
}

/** A word about the state of something. */
export function Tag({ children, color = "gray" }: Props) {
  return (
    <Badge color={color} variant="light" size="md" tt="none" fw={550}>
      {children}
    </Badge>
  );
}
