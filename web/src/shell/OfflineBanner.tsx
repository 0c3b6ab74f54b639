import { useNetwork } from "@mantine/hooks";
import { IconWifiOff } from "@tabler/icons-react";
import { strings } from "~/strings";
import classes from "./shell.module.css";

/** Says that there is no network, while there is none. */
export function OfflineBanner() {
  const { online } = useNetwork();
  return (
    <div role="status">
      {!online && (
        <p className={classes.offline}>
          <IconWifiOff size={16} aria-hidden /> {strings.problems.offlineBanner}
        </p>
      )}
    </div>
  );
}
