// Mantine's components as typed links of the router.
import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { ComponentProps } from "react";

type Native<P> = P & Omit<ComponentProps<"a">, keyof P | "style">;

export const AnchorLink = createLink((props: Native<AnchorProps>) => <Anchor {...props} />);

export const ButtonLink = createLink((props: Native<ButtonProps>) => <Button component="a" {...props} />);
