import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ButtonLink } from "~/shell/links";
import { strings } from "~/strings";
import { AuthCard } from "./AuthCard";

interface FlowError {
  id: string;
  error?: { reason?: string; message?: string };
}

/** Where Kratos sends the browser when a flow cannot go on. Says why, when Kratos remembers. */
export function ErrorPage({ id }: { id?: string }) {
  const s = strings.auth.error;
  const { data } = useQuery({
    queryKey: ["auth-error", id],
    enabled: id !== undefined,
    retry: false,
    queryFn: async () => {
      const response = await fetch(`/.ory/self-service/errors?${new URLSearchParams({ id: id ?? "" })}`, {
        headers: { accept: "application/json" },
      });
      return response.ok ? ((await response.json()) as FlowError) : null;
    },
  });
  const reason = data?.error?.reason ?? data?.error?.message;
  return (
    <AuthCard title={s.title} subtitle={s.detail}>
      {reason && <Text size="sm">{reason}</Text>}
      <ButtonLink size="md" to="/auth/login">
        {s.submit}
      </ButtonLink>
    </AuthCard>
  );
}
