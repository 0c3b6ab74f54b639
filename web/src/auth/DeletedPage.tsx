import { Alert, Loader, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { receiptQuery } from "~/api/deletion";
import { ButtonLink } from "~/shell/links";
import { strings } from "~/strings";
import { AuthCard } from "./AuthCard";

/** What becomes of an account that was deleted. The address of the page is the receipt. */
export function DeletedPage({ id }: { id?: string }) {
  const s = strings.auth.deleted;
  const { data, isError } = useQuery({ ...receiptQuery(id ?? ""), enabled: id !== undefined });
  const done = data?.state === "done";
  return (
    <AuthCard title={done ? s.doneTitle : s.title} subtitle={done ? s.done : s.detail}>
      <div role="status">
        {!done && !isError && id !== undefined && <Loader size="sm" aria-label={s.title} />}
        {(isError || id === undefined) && <Alert color="orange">{s.unknown}</Alert>}
        {done && data.mails === "kept" && <Text size="sm">{s.mailsKept}</Text>}
      </div>
      <Text size="sm" c="dimmed">
        {s.keep}
      </Text>
      <ButtonLink size="md" variant="default" to="/auth/registration">
        {s.again}
      </ButtonLink>
    </AuthCard>
  );
}
