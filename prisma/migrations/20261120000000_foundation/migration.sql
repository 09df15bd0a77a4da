-- CreateTable
CREATE TABLE "clinic" (
    "clinic_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "time_zone" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "clinic_pkey" PRIMARY KEY ("clinic_id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "role" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "attribute" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "attribute_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "procedure" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "body_region" TEXT NOT NULL,
    "approach" TEXT,
    "indications" TEXT[],
    "snomed" TEXT,
    "cpt" TEXT,
    "default_protocol_code" TEXT,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "procedure_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "exercise" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "position" TEXT,
    "instructions" TEXT,
    "target" TEXT,
    "equipment" TEXT[],
    "groups" TEXT[],
    "attributes" JSONB NOT NULL,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "exercise_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "protocol" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "library_code" TEXT,
    "library_hash" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "protocol_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "protocol_version" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "protocol_id" UUID NOT NULL,
    "number" INTEGER,
    "status" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT,
    "procedures" TEXT[],
    "content_hash" TEXT,
    "change_note" TEXT,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "published_at" TIMESTAMPTZ(3),
    "published_by" UUID,
    "retired_at" TIMESTAMPTZ(3),

    CONSTRAINT "protocol_version_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "version_exercise" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "body_position" TEXT,
    "instructions" TEXT,
    "target" TEXT,
    "equipment" TEXT[],
    "groups" TEXT[],
    "attributes" JSONB NOT NULL,

    CONSTRAINT "version_exercise_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "source" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "locator" TEXT,
    "url" TEXT,

    CONSTRAINT "source_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "milestone" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "granted_by" TEXT[],
    "pre_operative" BOOLEAN NOT NULL,
    "sources" TEXT[],

    CONSTRAINT "milestone_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "fact" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "unit" TEXT,
    "min" DOUBLE PRECISION,
    "max" DOUBLE PRECISION,
    "values" TEXT[],
    "ask" TEXT NOT NULL,

    CONSTRAINT "fact_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "phase" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "setting" TEXT,
    "entry" JSONB NOT NULL,
    "goals" TEXT[],
    "sources" TEXT[],

    CONSTRAINT "phase_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "prescription" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "exercise_code" TEXT,
    "group_code" TEXT,
    "from_phase" TEXT NOT NULL,
    "through_phase" TEXT,
    "condition" JSONB,
    "supervision" TEXT NOT NULL,
    "side" TEXT NOT NULL,
    "dosage" JSONB,
    "modality" TEXT,
    "rationale" TEXT,
    "sources" TEXT[],

    CONSTRAINT "prescription_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "contraindication" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "strength" TEXT NOT NULL,
    "target" JSONB NOT NULL,
    "condition" JSONB,
    "rationale" TEXT,
    "sources" TEXT[],

    CONSTRAINT "contraindication_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "instruction" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "about" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "condition" JSONB,
    "sources" TEXT[],

    CONSTRAINT "instruction_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "protocol_limit" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "quantity" TEXT NOT NULL,
    "max" DOUBLE PRECISION,
    "min" DOUBLE PRECISION,
    "as_instructed" BOOLEAN NOT NULL,
    "unit" TEXT,
    "text" TEXT,
    "condition" JSONB,
    "sources" TEXT[],

    CONSTRAINT "protocol_limit_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "red_flag" (
    "clinic_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "response" TEXT NOT NULL,
    "text" TEXT,
    "sources" TEXT[],

    CONSTRAINT "red_flag_pkey" PRIMARY KEY ("clinic_id","version_id","code")
);

-- CreateTable
CREATE TABLE "patient" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "external_id" TEXT NOT NULL,
    "display_name" TEXT,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "patient_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "episode" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "patient_id" UUID NOT NULL,
    "surgery_date" DATE NOT NULL,
    "procedures" TEXT[],
    "levels" TEXT[],
    "side" TEXT,
    "status" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "episode_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateTable
CREATE TABLE "episode_protocol" (
    "clinic_id" UUID NOT NULL,
    "episode_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,

    CONSTRAINT "episode_protocol_pkey" PRIMARY KEY ("clinic_id","episode_id","version_id")
);

-- CreateTable
CREATE TABLE "record_entry" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "episode_id" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_by" UUID NOT NULL,

    CONSTRAINT "record_entry_pkey" PRIMARY KEY ("clinic_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_key_clinic_id_key_hash_key" ON "api_key"("clinic_id", "key_hash");

-- CreateIndex
CREATE UNIQUE INDEX "attribute_clinic_id_code_key" ON "attribute"("clinic_id", "code");

-- CreateIndex
CREATE UNIQUE INDEX "procedure_clinic_id_code_key" ON "procedure"("clinic_id", "code");

-- CreateIndex
CREATE UNIQUE INDEX "exercise_clinic_id_code_key" ON "exercise"("clinic_id", "code");

-- CreateIndex
CREATE UNIQUE INDEX "protocol_clinic_id_code_key" ON "protocol"("clinic_id", "code");

-- CreateIndex
CREATE UNIQUE INDEX "protocol_version_clinic_id_protocol_id_number_key" ON "protocol_version"("clinic_id", "protocol_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "patient_clinic_id_external_id_key" ON "patient"("clinic_id", "external_id");

-- CreateIndex
CREATE INDEX "episode_clinic_id_patient_id_id_idx" ON "episode"("clinic_id", "patient_id", "id");

-- CreateIndex
CREATE INDEX "episode_protocol_clinic_id_version_id_idx" ON "episode_protocol"("clinic_id", "version_id");

-- CreateIndex
CREATE UNIQUE INDEX "record_entry_clinic_id_episode_id_revision_key" ON "record_entry"("clinic_id", "episode_id", "revision");

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_clinic_id_fkey" FOREIGN KEY ("clinic_id") REFERENCES "clinic"("clinic_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "procedure" ADD CONSTRAINT "procedure_clinic_id_default_protocol_code_fkey" FOREIGN KEY ("clinic_id", "default_protocol_code") REFERENCES "protocol"("clinic_id", "code") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "protocol" ADD CONSTRAINT "protocol_clinic_id_fkey" FOREIGN KEY ("clinic_id") REFERENCES "clinic"("clinic_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "protocol_version" ADD CONSTRAINT "protocol_version_clinic_id_protocol_id_fkey" FOREIGN KEY ("clinic_id", "protocol_id") REFERENCES "protocol"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "version_exercise" ADD CONSTRAINT "version_exercise_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "source" ADD CONSTRAINT "source_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "milestone" ADD CONSTRAINT "milestone_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "fact" ADD CONSTRAINT "fact_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "phase" ADD CONSTRAINT "phase_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "prescription" ADD CONSTRAINT "prescription_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "contraindication" ADD CONSTRAINT "contraindication_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instruction" ADD CONSTRAINT "instruction_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "protocol_limit" ADD CONSTRAINT "protocol_limit_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "red_flag" ADD CONSTRAINT "red_flag_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "patient" ADD CONSTRAINT "patient_clinic_id_fkey" FOREIGN KEY ("clinic_id") REFERENCES "clinic"("clinic_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "episode" ADD CONSTRAINT "episode_clinic_id_patient_id_fkey" FOREIGN KEY ("clinic_id", "patient_id") REFERENCES "patient"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "episode_protocol" ADD CONSTRAINT "episode_protocol_clinic_id_episode_id_fkey" FOREIGN KEY ("clinic_id", "episode_id") REFERENCES "episode"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "episode_protocol" ADD CONSTRAINT "episode_protocol_clinic_id_version_id_fkey" FOREIGN KEY ("clinic_id", "version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "record_entry" ADD CONSTRAINT "record_entry_clinic_id_episode_id_fkey" FOREIGN KEY ("clinic_id", "episode_id") REFERENCES "episode"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
