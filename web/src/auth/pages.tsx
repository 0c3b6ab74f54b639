import { useSearch } from "@tanstack/react-router";
import { AccessPage } from "./AccessPage";
import { DeletedPage } from "./DeletedPage";
import { ErrorPage } from "./ErrorPage";
import { safeReturnPath } from "./flow";
import { ProvePage } from "./ProvePage";

function useAuthSearch() {
  const { flow, return_to, id, aal, refresh } = useSearch({ from: "/auth" });
  return { flowId: flow, returnTo: safeReturnPath(return_to), id, wish: { aal, refresh } };
}

export function Login() {
  const { flowId, returnTo, wish } = useAuthSearch();
  // From one purpose to the next it is another page.
  const key = `login ${wish.aal} ${wish.refresh}`;
  return <AccessPage key={key} kind="login" flowId={flowId} returnTo={returnTo} wish={wish} />;
}

export function Registration() {
  const { flowId, returnTo } = useAuthSearch();
  return <AccessPage key="registration" kind="registration" flowId={flowId} returnTo={returnTo} />;
}

export function Verification() {
  const { flowId, returnTo } = useAuthSearch();
  return <ProvePage kind="verification" flowId={flowId} returnTo={returnTo} />;
}

export function Recovery() {
  const { flowId, returnTo } = useAuthSearch();
  return <ProvePage kind="recovery" flowId={flowId} returnTo={returnTo} />;
}

export function Deleted() {
  return <DeletedPage id={useAuthSearch().id} />;
}

export function Failed() {
  return <ErrorPage id={useAuthSearch().id} />;
}
