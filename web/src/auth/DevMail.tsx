import { Anchor } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { strings } from "~/strings";

/** On a development server, the way to the mail with the code; on any other, nothing. */
export function DevMail({ address }: { address: string }) {
  const { data: href } = useQuery({
    queryKey: ["dev-mail", address],
    queryFn: async () => {
      const sheet = await fetch("/dev/mail.css").catch(() => null);
      const there = sheet?.ok && sheet.headers.get("content-type")?.startsWith("text/css");
      return there ? `/dev/mail?${new URLSearchParams({ to: address })}` : null;
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (!href) {
    return null;
  }
  return (
    <Anchor href={href} target="_blank" rel="noopener" size="sm">
      {strings.auth.devMail}
    </Anchor>
  );
}
