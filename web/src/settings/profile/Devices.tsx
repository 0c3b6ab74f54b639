import { Button } from "@mantine/core";
import { IconDeviceDesktop, IconDeviceMobile } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type DeviceSession, devicesQuery, endOtherSessions, endSession } from "~/api/devices";
import { settingsStrings } from "~/strings/settings";
import { ago } from "../format";
import { Loaded } from "../Loaded";
import { failed, succeeded } from "../notices";
import { Row, Section } from "../Section";
import classes from "../settings.module.css";
import { Tag } from "../Tag";
import { readAgent } from "./agents";

const s = settingsStrings.devices;

/** Where this account is signed in, and the way to end that. */
export function Devices() {
  const cache = useQueryClient();
  const query = useQuery(devicesQuery);
  const others = query.data?.filter(({ current }) => !current) ?? [];

  // Shown as ended at once; a refusal brings it back.
  const forget = (gone: (device: DeviceSession) => boolean) =>
    cache.setQueryData(devicesQuery.queryKey, (list) => list?.filter((device) => !gone(device)));
  const onError = (error: unknown) => failed(settingsStrings.common.changeFailed, error);
  const onSettled = () => void cache.invalidateQueries({ queryKey: devicesQuery.queryKey });
  const end = useMutation({
    mutationFn: ({ id }: DeviceSession) => endSession(id),
    onMutate: (ended) => forget(({ id }) => id === ended.id),
    onSuccess: (_nothing, ended) => succeeded(s.ended(nameOf(ended))),
    onError,
    onSettled,
  });
  const endAll = useMutation({
    mutationFn: endOtherSessions,
    onMutate: () => forget(({ current }) => !current),
    onSuccess: () => succeeded(s.endedAll),
    onError,
    onSettled,
  });

  return (
    <Section
      title={s.title}
      description={s.description}
      aside={
        others.length > 1 && (
          <Button size="xs" variant="default" loading={endAll.isPending} onClick={() => endAll.mutate()}>
            {s.endAll}
          </Button>
        )
      }
    >
      <Loaded query={query}>
        {(devices) => (
          <ul className={classes.list}>
            {devices.map((device) => (
              <li key={device.id}>
                <Device device={device} onEnd={() => end.mutate(device)} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Section>
  );
}

function Device({ device, onEnd }: { device: DeviceSession; onEnd: () => void }) {
  const name = nameOf(device);
  const Icon = readAgent(device.userAgent).mobile ? IconDeviceMobile : IconDeviceDesktop;
  const details = [
    device.signedInAt && s.since(ago(device.signedInAt)),
    device.address && s.from(device.address.replace(/:\d+$/, "")),
  ].filter(Boolean);
  return (
    <Row
      icon={<Icon size={20} aria-hidden />}
      title={name}
      control={
        device.current ? (
          <Tag color="teal">{s.current}</Tag>
        ) : (
          <Button size="xs" variant="default" aria-label={s.endOf(name)} onClick={onEnd}>
            {s.end}
          </Button>
        )
      }
    >
      {details.join(", ")}
    </Row>
  );
}

function nameOf({ userAgent }: DeviceSession): string {
  const { browser, system } = readAgent(userAgent);
  return browser && system ? s.on(browser, system) : (browser ?? system ?? s.unknown);
}
