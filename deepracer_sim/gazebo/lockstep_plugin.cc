// Moves the car in exact lockstep with a client: the sensor plugin of the car's camera.
//
// A request holds a command and how many physics steps it lasts; the answer holds the state after
// them and the frame seen then. Between two requests the simulation stands still: the physics
// thread itself waits for the next one. Requests and answers go through the socket whose file
// descriptor the environment names. Without it the plugin does nothing, and the car stands.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <gazebo/common/common.hh>
#include <gazebo/physics/physics.hh>
#include <gazebo/rendering/Camera.hh>
#include <gazebo/rendering/Scene.hh>
#include <gazebo/rendering/Visual.hh>
#include <gazebo/sensors/CameraSensor.hh>

namespace deepracer
{
using ignition::math::Pose3d;
using ignition::math::Vector3d;

struct Request
{
  std::int64_t steps;  // 0: put the car, at rest, where the values say: x m, y m, yaw rad
  double values[3];    // else what to reach evenly in these steps: left and right steering angle
                       // in rad, speed in m/s
};

using Targets = std::array<double, 3>;

struct State
{
  std::int64_t steps;                  // of physics, since the simulation began
  double x, y, yaw;                    // m, rad
  double speed, side_speed, yaw_rate;  // of base_link, in its own frame
  double left_angle, right_angle;      // rad, of the steering joints
};

class LockstepPlugin : public gazebo::SensorPlugin
{
public:
  void Load(gazebo::sensors::SensorPtr sensor, sdf::ElementPtr) override
  {
    const char *descriptor = std::getenv("DEEPRACER_SOCKET");
    if (!descriptor)
      return;
    socket_ = std::atoi(descriptor);
    auto camera = std::dynamic_pointer_cast<gazebo::sensors::CameraSensor>(sensor);
    camera_ = camera->Camera();
    mount_ = sensor->Pose();
    world_ = gazebo::physics::get_world(sensor->WorldName());
    base_ = boost::dynamic_pointer_cast<gazebo::physics::Link>(
        world_->EntityByName(sensor->ParentName()));
    model_ = base_->GetModel();
    world_->Physics()->SetRealTimeUpdateRate(0);  // the client keeps time
    // A step depends on the car's state alone, not on forces of the step before.
    world_->Physics()->SetParam("warm_start_factor", 0.0);
    iterations_ = boost::any_cast<int>(world_->Physics()->GetParam("iters"));
    for (const auto &link : model_->GetLinks())
      poses_.push_back(link->RelativePose());
    for (const std::string side : {"left", "right"})
    {
      steering_.push_back(Strong(model_->GetJoint("front_" + side + "_steering")));
      driven_.push_back(Strong(model_->GetJoint("rear_" + side + "_wheel")));
      places_.push_back(driven_.back()->GetChild()->RelativePose().Pos());
    }
    update_ = gazebo::event::Events::ConnectWorldUpdateBegin(
        [this](const gazebo::common::UpdateInfo &) { BeforeStep(); });
    render_ = gazebo::event::Events::ConnectRender([this] { Render(); });
  }

private:
  // Joints turn as told, whatever the load; the tyres' friction limits what comes of it.
  static gazebo::physics::JointPtr Strong(const gazebo::physics::JointPtr &joint)
  {
    joint->SetParam("fmax", 0, 100.0);  // N m
    return joint;
  }

  // Called in the physics thread.
  void BeforeStep()
  {
    while (step_ == request_.steps)
    {
      if (!TakeFrame())
        return;  // the scene is not complete yet
      Answer();
      Receive(&request_, sizeof request_);
      step_ = 0;
      from_ = to_;
      std::copy_n(request_.values, to_.size(), to_.begin());
      if (!request_.steps)
        PutCar();
      // What the solver leaves undone would move a car that is to stand, by 0.5 mm/s.
      const bool rest = std::abs(from_[2]) < 0.001 && std::abs(to_[2]) < 0.001;  // m/s
      world_->Physics()->SetParam("iters", rest ? 10 * iterations_ : iterations_);
    }
    ++step_;
    Turn(static_cast<double>(step_) / request_.steps);
  }

  // Sets the joints' speeds: the way from old to new targets has come so far, 0 to 1.
  void Turn(double share)
  {
    Targets now;
    for (std::size_t i = 0; i < now.size(); ++i)
      now[i] = from_[i] + (to_[i] - from_[i]) * share;
    const double period = world_->Physics()->GetMaxStepSize();
    for (std::size_t i = 0; i < steering_.size(); ++i)
      steering_[i]->SetParam("vel", 0, (now[i] - steering_[i]->Position(0)) / period);
    // A differential: the wheels' mean is what the motor wants, and the car's turning is free.
    const double yaw_rate = base_->RelativeAngularVel().Z();
    for (std::size_t i = 0; i < driven_.size(); ++i)
      driven_[i]->SetParam("vel", 0, (now[2] - yaw_rate * places_[i].Y()) / places_[i].Z());
  }

  void PutCar()
  {
    model_->SetWorldPose(Pose3d(to_[0], to_[1], 0, 0, 0, to_[2]));
    for (std::size_t i = 0; i < poses_.size(); ++i)
      model_->GetLinks()[i]->SetRelativePose(poses_[i]);
    model_->ResetPhysicsStates();
    from_ = to_ = {};
    world_->Physics()->SetSeed(1);  // the solver takes contacts in random order
  }

  // Has a frame rendered, in the thread that renders. Returns whether it was possible.
  bool TakeFrame()
  {
    std::unique_lock<std::mutex> lock(mutex_);
    pose_ = mount_ + base_->WorldPose();
    wanted_ = true;
    changed_.wait(lock, [this] { return !wanted_; });
    return !frame_.empty();
  }

  // Called in the thread that renders, again and again.
  void Render()
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!wanted_)
      return;
    const auto scene = camera_->GetScene();
    const auto car = scene->GetVisual(model_->GetName());
    if (scene->Initialized() && scene->GetVisual("track") && car)
    {
      // The car is drawn where the scene last heard of it, perhaps in front of its own camera.
      car->SetVisible(false);
      // The pose as physics has it: the scene's own comes in messages, some time later.
      camera_->SetWorldPose(pose_);
      camera_->Render(true);
      camera_->PostRender();
      const unsigned char *data = camera_->ImageData();
      frame_.assign(data, data + camera_->ImageWidth() * camera_->ImageHeight() * 3);
    }
    wanted_ = false;
    changed_.notify_one();
  }

  void Answer()
  {
    const Pose3d pose = base_->WorldPose();
    const Vector3d velocity = base_->RelativeLinearVel();
    const State state = {static_cast<std::int64_t>(world_->Iterations()),
                         pose.Pos().X(),
                         pose.Pos().Y(),
                         pose.Rot().Yaw(),
                         velocity.X(),
                         velocity.Y(),
                         base_->RelativeAngularVel().Z(),
                         steering_[0]->Position(0),
                         steering_[1]->Position(0)};
    Send(&state, sizeof state);
    Send(frame_.data(), frame_.size());
  }

  void Send(const void *data, std::size_t size)
  {
    auto bytes = static_cast<const char *>(data);
    for (ssize_t sent; size > 0; bytes += sent, size -= sent)
      if ((sent = send(socket_, bytes, size, MSG_NOSIGNAL)) <= 0)
        _exit(0);  // the client has gone
  }

  void Receive(void *data, std::size_t size)
  {
    if (recv(socket_, data, size, MSG_WAITALL) != static_cast<ssize_t>(size))
      _exit(0);  // the client has gone
  }

  int socket_ = -1;
  gazebo::rendering::CameraPtr camera_;
  Pose3d mount_;  // of the camera, on base_link
  gazebo::physics::WorldPtr world_;
  gazebo::physics::ModelPtr model_;
  gazebo::physics::LinkPtr base_;
  int iterations_ = 0;  // of the solver, in motion
  std::vector<Pose3d> poses_;  // of the links, on the model
  std::vector<gazebo::physics::JointPtr> steering_, driven_;  // left, right
  std::vector<Vector3d> places_;  // of the driven wheels' centres, on base_link
  gazebo::event::ConnectionPtr update_, render_;

  Request request_ = {};
  std::int64_t step_ = 0;    // of the request's
  Targets from_ = {}, to_ = {};

  std::mutex mutex_;  // for what follows, which both threads use
  std::condition_variable changed_;
  bool wanted_ = false;
  Pose3d pose_;  // of the camera, in the world
  std::vector<unsigned char> frame_;
};

GZ_REGISTER_SENSOR_PLUGIN(LockstepPlugin)
}  // namespace deepracer
