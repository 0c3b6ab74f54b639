import { Button, Center, Group, Stack, Text, Title } from "@mantine/core";
import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { Problem } from "~/api/problem";
import { ButtonLink } from "~/shell/links";
import { strings } from "~/strings";

const s = strings.problems;

/** What stands in for a page that could not be shown. */
export function RouteError({ error }: ErrorComponentProps) {
  const router = useRouter();
  const problem = error instanceof Problem ? error : undefined;
  return (
    <Page
      title={problem?.title ?? s.unknown.title}
      text={problem?.detail ?? s.crash}
      reference={problem?.requestId}
    >
      {problem ? (
        <Button onClick={() => void router.invalidate()}>{s.tryAgain}</Button>
      ) : (
        <Button onClick={() => location.reload()}>{s.reload}</Button>
      )}
    </Page>
  );
}

export function NotFound() {
  return (
    <Page title={s.notFoundTitle} text={s.notFound}>
      <ButtonLink to="/">{s.toStart}</ButtonLink>
    </Page>
  );
}

interface PageProps {
  title: string;
  text: string;
  reference?: string;
  children: React.ReactNode;
}

/** A short message in the middle of the page, with the way on. */
export function Page({ title, text, reference, children }: PageProps) {
  return (
    <Center mih="70dvh" p="lg">
      <Stack align="center" gap="sm" maw="26rem" ta="center" role="alert">
        <Title order={1} size="h3">
          {title}
        </Title>
        <Text c="dimmed">{text}</Text>
        {reference && (
          <Text size="xs" c="dimmed">
            {s.reference(reference)}
          </Text>
        )}
        <Group mt="sm">{children}</Group>
      </Stack>
    </Center>
  );
}
