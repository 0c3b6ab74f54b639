import { Checkbox, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { PlanLimits } from "~/api/admin";
import { adminModelsQuery } from "~/api/adminModels";
import settings from "~/settings/settings.module.css";
import { adminStrings } from "~/strings/admin";
import classes from "./admin.module.css";
import { type Complaints, type LimitsForm, numbers, told } from "./limits";

const s = adminStrings.limits;

interface Props {
  form: LimitsForm;
  onForm: (form: LimitsForm) => void;
  complaints: Complaints;
  /** What holds where a field is empty; absent: nothing limits then. */
  otherwise?: PlanLimits;
}

/** The fields of all limits. */
export function LimitFields({ form, onForm, complaints, otherwise }: Props) {
  return (
    <Stack gap="md">
      <div className={classes.fields}>
        {numbers.map((key) => (
          <TextInput
            key={key}
            label={s[key]}
            placeholder={otherwise ? s.asPlanShort : s.unlimited}
            description={otherwise ? told(key, otherwise[key]) : undefined}
            inputMode="decimal"
            autoComplete="off"
            value={form[key]}
            onChange={(event) => onForm({ ...form, [key]: event.currentTarget.value })}
            error={complaints[key]}
          />
        ))}
      </div>
      <Models
        chosen={form.models}
        onChosen={(models) => onForm({ ...form, models })}
        all={otherwise ? s.asPlan : s.allModels}
      />
    </Stack>
  );
}

interface ModelsProps {
  chosen: string[] | null;
  onChosen: (models: string[] | null) => void;
  /** What no list means. */
  all: string;
}

function Models({ chosen, onChosen, all }: ModelsProps) {
  const { data = [] } = useQuery(adminModelsQuery);
  // Such as are in the list and not on offer any more are shown by their id.
  const known = data.map((model) => ({ id: model.id, name: model.name }));
  const gone = (chosen ?? []).filter((each) => !known.some((model) => model.id === each));
  const models = [...known, ...gone.map((each) => ({ id: each, name: each }))];
  return (
    <fieldset className={settings.fieldset}>
      <legend>{s.models}</legend>
      <SegmentedControl
        size="xs"
        mt={6}
        aria-label={s.models}
        value={chosen ? "some" : "all"}
        onChange={(value) => onChosen(value === "all" ? null : [])}
        data={[
          { value: "all", label: all },
          { value: "some", label: s.onlyThese },
        ]}
      />
      {chosen && (
        <div className={classes.models}>
          {models.map((model) => (
            <Checkbox
              key={model.id}
              label={`${model.name} (${model.id})`}
              checked={chosen.includes(model.id)}
              onChange={(event) =>
                onChosen(
                  event.currentTarget.checked
                    ? [...chosen, model.id]
                    : chosen.filter((each) => each !== model.id),
                )
              }
            />
          ))}
        </div>
      )}
      {chosen?.length === 0 && (
        <Text size="xs" mt={4} role="status">
          {s.noModel}
        </Text>
      )}
    </fieldset>
  );
}
